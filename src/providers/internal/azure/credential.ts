import { TamperError } from '../../../errors.ts';
import { type Clock, systemClock } from '../../../foundation/clock.ts';
import { aborted, throwIfAborted } from '../../../foundation/deadline.ts';
import type { Secret } from '../../../keys/secret.ts';
import { isMicrosoftAuthority } from './authority.ts';
import { type AzureCaller, callerOf } from './caller.ts';
import { mapCredentialError } from './credential-error.ts';
import { defaultHttpClient, loadIdentity } from './identity-package.ts';
import { TokenWatch } from './token-watch.ts';

/** A source of access tokens. Every credential of `@azure/identity` is one. */
export interface AzureTokenCredential {
  getToken(
    scopes: string | string[],
    options?: { readonly abortSignal?: AbortSignal; readonly tenantId?: string },
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

/** What names a credential; all of it may be left out but what a token request is bounded by. */
export interface AzureCredentialOptions {
  /** What needs it, for messages: `Azure Key Vault`. */
  readonly service: string;
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: Secret | undefined;
  readonly federatedTokenFile?: string | undefined;
  readonly authorityHost?: string | undefined;
  readonly credential?: AzureTokenCredential | undefined;
  readonly caCertificates?: string | undefined;
  /** The deadline of one token request, in milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly clock?: Clock | undefined;
}

/** Which credential was chosen: what to call it, and how to make it, also again. */
export interface CredentialChoice {
  readonly kind: string;
  /** Whether it is a client secret. */
  readonly secret: boolean;
  readonly watch: TokenWatch;
  create(): AzureTokenCredential;
}

type Identity = typeof import('@azure/identity');

/**
 * Chooses the credential that the options and the environment name, and loads `@azure/identity` for it.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`; `UNAUTHENTICATED`: a tenant and a client, and nothing that proves them
 */
export async function chooseCredential(options: AzureCredentialOptions): Promise<CredentialChoice> {
  const watch = new TokenWatch(options.attemptTimeoutMs, options.clock ?? systemClock);
  const { credential } = options;
  if (credential !== undefined) return { kind: 'credential', secret: false, watch, create: () => credential };
  const identity = await loadIdentity(options.service);
  return { watch, ...choose(identity, options, watch) };
}

function choose(
  identity: Identity,
  options: AzureCredentialOptions,
  watch: TokenWatch,
): Pick<CredentialChoice, 'kind' | 'secret' | 'create'> {
  const { tenantId, clientId } = options;
  const env = options.environment ?? process.env;
  const authorityHost = options.authorityHost ?? env['AZURE_AUTHORITY_HOST'];
  const common = {
    ...(authorityHost !== undefined && { authorityHost }),
    ...(!isMicrosoftAuthority(authorityHost) && { disableInstanceDiscovery: true }),
    ...(options.caCertificates !== undefined && { tlsOptions: { ca: options.caCertificates } }),
    retryOptions: { maxRetries: 0 }, // ours are the only retries
    redirectOptions: { maxRetries: 0 }, // a secret is for the host that was named
    httpClient: watch.over(defaultHttpClient()),
  };
  if (clientId === undefined) {
    return {
      kind: 'default credential',
      secret: (env['AZURE_CLIENT_SECRET'] ?? '') !== '',
      create: () => new identity.DefaultAzureCredential({ ...common, ...(tenantId !== undefined && { tenantId }) }),
    };
  }
  if (tenantId === undefined) {
    return {
      kind: 'managed identity',
      secret: false,
      create: () => new identity.ManagedIdentityCredential({ ...common, clientId }),
    };
  }
  // The SDK wants a string and keeps it; no copy of ours outlives the call.
  const secret = (): string =>
    options.clientSecret?.use((bytes) => bytes.toString('utf8')) ?? env['AZURE_CLIENT_SECRET'] ?? '';
  if (secret() !== '') {
    return {
      kind: 'service principal',
      secret: true,
      create: () => new identity.ClientSecretCredential(tenantId, clientId, secret(), common),
    };
  }
  const tokenFilePath = options.federatedTokenFile ?? env['AZURE_FEDERATED_TOKEN_FILE'];
  if (tokenFilePath !== undefined && tokenFilePath !== '') {
    return {
      kind: 'workload identity',
      secret: false,
      create: () => new identity.WorkloadIdentityCredential({ ...common, tenantId, clientId, tokenFilePath }),
    };
  }
  const certificatePath = env['AZURE_CLIENT_CERTIFICATE_PATH'];
  if (certificatePath !== undefined && certificatePath !== '') {
    return {
      kind: 'service principal',
      secret: false,
      create: () => new identity.ClientCertificateCredential(tenantId, clientId, { certificatePath }, common),
    };
  }
  throw new TamperError(
    'UNAUTHENTICATED',
    `Azure client ${clientId} of tenant ${tenantId} has no secret, token or certificate to log in with`,
    {
      hint: 'Set AZURE_CLIENT_SECRET, AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_CERTIFICATE_PATH; leave the tenant out for a managed identity.',
    },
  );
}

/**
 * Bounds a credential, and tells its failures from the vault's. A token service that hangs cannot be stopped by
 * `abortSignal` or `timeout` in the SDK, so its answer is raced against the call's own signal. After a failure that may
 * pass, the credential is made anew, because the SDK would go on failing for a minute without asking.
 *
 * @param tenantKnown - the tenant is configured, so the one that a vault's challenge names is not asked instead
 * @param given - told who a token says that we are
 */
export function boundedCredential(
  choice: CredentialChoice,
  tenantKnown: boolean,
  given: (caller: AzureCaller) => void,
): AzureTokenCredential {
  const { kind, watch } = choice;
  let credential = made(choice);
  return {
    async getToken(scopes, asks = {}) {
      const { tenantId, ...rest } = asks;
      const options = tenantKnown || tenantId === undefined ? rest : { ...rest, tenantId };
      const asked = credential;
      try {
        const token = await untilAborted(() => asked.getToken(scopes, options), kind, asks.abortSignal);
        if (token !== null) {
          given(callerOf(token));
          return token;
        }
        throw new TamperError('UNAUTHENTICATED', `Azure ${kind}: no credentials (no token was given)`);
      } catch (error) {
        const mapped = mapCredentialError(error, kind, watch.last);
        const mayPass = mapped.code === 'UNAVAILABLE' || mapped.code === 'ABORTED';
        if (mayPass && credential === asked) credential = made(choice);
        throw mapped;
      }
    },
  };
}

function made(choice: CredentialChoice): AzureTokenCredential {
  try {
    return choice.create();
  } catch (error) {
    throw mapCredentialError(error, choice.kind);
  }
}

async function untilAborted<T>(ask: () => Promise<T>, kind: string, signal: AbortSignal | undefined): Promise<T> {
  throwIfAborted(`Azure ${kind}`, signal);
  const answer = (async () => ask())();
  answer.catch(() => undefined); // a failure after the race has ended is nobody's
  let onAbort = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    onAbort = () => reject(aborted(`Azure ${kind}`, signal));
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([answer, ended]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
