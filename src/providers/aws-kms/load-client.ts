import { boundReplies } from '../internal/aws-bounded-reply.ts';
import { refusesPlainHttp } from '../internal/aws-plain-http.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import type { AwsKmsClient } from './client.ts';
import { type AwsKmsOptions, insecureEndpoint } from './options.ts';

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
export async function loadAwsClient(options: AwsKmsOptions): Promise<OwnedClient> {
  const { KMS } = await loadSdk();
  const client = new KMS({
    ...(options.region !== undefined && { region: options.region }),
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
