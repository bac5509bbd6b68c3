import { TamperError } from '../../../errors.ts';
import { type Clock, systemClock } from '../../../foundation/clock.ts';
import { throwIfAborted } from '../../../foundation/deadline.ts';
import { untilAborted } from '../../../foundation/until-aborted.ts';
import { parseRetryAfter } from '../../../keys/retry.ts';
import type { Secret } from '../../../keys/secret.ts';
import { type BoundedReply, type BoundedRequest, boundReplies } from './bounded-reply.ts';
import { type AzureCaller, callerOf } from './caller.ts';
import { mapCredentialError, type TokenAnswer } from './credential-error.ts';
import { defaultHttpClient, loadIdentity } from './identity-package.ts';

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
        throwIfAborted(`Azure ${kind}`, asks.abortSignal);
        const answer = (async () => asked.getToken(scopes, options))();
        const token = await untilAborted(`Azure ${kind}`, answer, asks.abortSignal);
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

/** The hosts of Microsoft's own token services: the public cloud and the sovereign ones. */
const microsoftHosts: ReadonlySet<string> = new Set([
  'login.microsoftonline.com',
  'login.microsoft.com',
  'login.windows.net',
  'sts.windows.net',
  'login.microsoftonline.us',
  'login.usgovcloudapi.net',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
  'login.microsoftonline.de',
  'login-us.microsoftonline.com',
]);

/**
 * Whether a token service is one of Microsoft's. Another one (Azure Stack, a test server) cannot be looked up in the
 * directory of instances, so that look-up has to be left out for it.
 *
 * @param authorityHost - the value of `AZURE_AUTHORITY_HOST`; undefined means the public cloud
 */
export function isMicrosoftAuthority(authorityHost: string | undefined): boolean {
  if (authorityHost === undefined || authorityHost === '') return true;
  const text = authorityHost.includes('://') ? authorityHost : `https://${authorityHost}`;
  return URL.canParse(text) && microsoftHosts.has(new URL(text).hostname);
}

interface TokenRequest extends BoundedRequest {
  timeout: number;
}

interface TokenReply extends BoundedReply {
  readonly headers: { get(name: string): string | undefined };
}

/** What an SDK sends its requests with, as far as it is used here: public declarations do without the SDK's. */
interface HttpClient<Asked, Answer> {
  sendRequest(request: Asked): Promise<Answer>;
}

/**
 * Sees the answers of a token service, whose status the SDK forgets, and bounds its requests and their answers: a credential has
 * no deadline of its own, a request that hangs keeps the process alive, and managed identities take no policies of ours.
 */
class TokenWatch {
  #last: TokenAnswer = {};
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(timeoutMs: number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** The last answer there was: after a 429 or 503 the SDK fails for a while without asking again. */
  get last(): TokenAnswer {
    return this.#last;
  }

  /** What a credential is to send its requests with. */
  over<Asked extends TokenRequest, Answer extends TokenReply>(
    client: HttpClient<Asked, Answer>,
  ): HttpClient<Asked, Answer> {
    const bounding = boundReplies();
    return {
      sendRequest: async (request) => {
        if (request.timeout === 0) request.timeout = this.#timeoutMs;
        const response = await bounding.sendRequest(request, async (asked) => client.sendRequest(asked));
        const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), this.#clock.now());
        this.#last = { status: response.status, retryAfterMs };
        return response;
      },
    };
  }
}
