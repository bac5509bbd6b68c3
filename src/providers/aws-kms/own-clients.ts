import { TamperError } from '../../errors.ts';
import { boundReplies, refusesPlainHttp } from '../internal/aws-middleware.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import type { AwsKmsClient } from './client.ts';
import { type AwsKmsOptions, insecureEndpoint } from './options.ts';

/**
 * The clients that we make ourselves: one for the configured region, and one for each other region that an ARN names. Only
 * ARNs of the caller's own side get here, never one from a log (spec 8.1).
 */
export class OwnClients {
  readonly #options: AwsKmsOptions;
  readonly #made = new Map<string, Promise<OwnedClient>>();
  #closed = false;

  constructor(options: AwsKmsOptions) {
    this.#options = options;
  }

  /** The client for the configured region. @throws {TamperError} `DEPENDENCY_MISSING`, `PROVIDER_CLOSED` */
  configured(): Promise<OwnedClient> {
    return this.#get('', this.#options);
  }

  /** The client for a key: of its ARN's region where it has one, else of the configured region. */
  async for(keyId: string): Promise<OwnedClient> {
    const configured = await this.configured();
    const region = regionOf(keyId);
    if (region === undefined) return configured;
    const ours = await configured.region().catch(() => undefined); // no region is configured: the ARN's will do
    return region === ours ? configured : this.#get(region, { ...this.#options, region });
  }

  /** Closes the connections of every client that came to be. */
  async close(): Promise<void> {
    this.#closed = true;
    const made = [...this.#made.values()];
    this.#made.clear();
    for (const result of await Promise.allSettled(made)) {
      if (result.status === 'fulfilled') result.value.destroy(); // whoever asked for a failed one was told
    }
  }

  async #get(region: string, options: AwsKmsOptions): Promise<OwnedClient> {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the AWS KMS provider is closed');
    const pending = this.#made.get(region) ?? loadAwsClient(options);
    this.#made.set(region, pending);
    try {
      return await pending;
    } catch (error) {
      if (this.#made.get(region) === pending) this.#made.delete(region); // installed meanwhile: the next call finds it
      throw error;
    }
  }
}

/** The region in the ARN of a key or alias; undefined for any other name. */
export function regionOf(keyId: string): string | undefined {
  return /^arn:[a-z0-9-]+:kms:([a-z0-9-]+):\d{12}:(?:key|alias)\//.exec(keyId)?.[1];
}

/** Where our credentials come from and how long they last. Nothing of them that is secret. */
export interface AwsCredentialFacts {
  /** The last four characters of the access key id, which is not secret, behind its kind: `ASIA…WXYZ`. */
  readonly accessKey: string;
  /** Whether they are session credentials. */
  readonly temporary: boolean;
  readonly expiration: Date | undefined;
  readonly accountId: string | undefined;
  /** Which link of the chain gave them, where the SDK says so. */
  readonly from: readonly string[];
}

/** A client that we made and therefore destroy. */
export interface OwnedClient {
  readonly client: AwsKmsClient;
  region(): Promise<string>;
  /** Fails as the credential chain fails. */
  credentials(): Promise<AwsCredentialFacts>;
  destroy(): void;
}

const defaultConnectionTimeoutMs = 2_000;
const defaultRequestTimeoutMs = 5_000;

/**
 * Loads `@aws-sdk/client-kms` and makes a client with the SDK's default credential chain.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`
 */
async function loadAwsClient(options: AwsKmsOptions): Promise<OwnedClient> {
  const { KMS } = await loadSdk();
  const client = new KMS({
    ...(options.region !== undefined && { region: options.region }),
    ...(options.profile !== undefined && { profile: options.profile }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(options.useFipsEndpoint !== undefined && { useFipsEndpoint: options.useFipsEndpoint }),
    ...(options.maxAttempts !== undefined && { maxAttempts: options.maxAttempts }),
    ...(options.retryMode !== undefined && { retryMode: options.retryMode }),
    requestHandler: {
      connectionTimeout: options.connectionTimeoutMs ?? defaultConnectionTimeoutMs,
      requestTimeout: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
      throwOnRequestTimeout: true, // without it a request timeout is only a warning
    },
  });
  if (!options.allowInsecureEndpoint) {
    client.middlewareStack.add(
      refusesPlainHttp(() => insecureEndpoint('the configured endpoint')),
      { step: 'build', name: 'fapilogTamperRefusesPlainHttp', priority: 'high' },
    );
  }
  boundReplies(client);
  return {
    client,
    region: () => client.config.region(),
    credentials: async () => {
      const found = await client.config.credentials();
      return {
        accessKey: `${found.accessKeyId.slice(0, 4)}…${found.accessKeyId.slice(-4)}`,
        temporary: found.sessionToken !== undefined,
        expiration: found.expiration,
        accountId: 'accountId' in found && typeof found.accountId === 'string' ? found.accountId : undefined,
        from: '$source' in found && found.$source ? Object.keys(found.$source).sort().map(inWords) : [],
      };
    },
    destroy: () => client.destroy(),
  };
}

/** `CREDENTIALS_STS_ASSUME_ROLE_WEB_ID`, as the SDK has it, as `sts assume role web id`. */
function inWords(source: string): string {
  return source
    .replace(/^CREDENTIALS_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
}

async function loadSdk(): Promise<typeof import('@aws-sdk/client-kms')> {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (cause) {
    throw cannotLoad({ service: 'AWS KMS', packageName: '@aws-sdk/client-kms' }, cause);
  }
}
