import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { LruMap } from '../../foundation/lru-map.ts';
import { KeyWarnings } from '../../keys/warnings.ts';
import { type BoundingPolicy, boundReplies } from '../internal/azure/bounded-reply.ts';
import type { AzureCaller } from '../internal/azure/caller.ts';
import { boundedCredential, chooseCredential } from '../internal/azure/credential.ts';
import { loadIdentity } from '../internal/azure/identity-package.ts';
import { cannotLoad } from '../internal/cannot-load.ts';
import type { AzureCryptographyClient, AzureKeyClient, AzureKeyVaultClients, AzureKeyVersionHandle } from './client.ts';
import { type AzureKeyVaultOptions, defaultAttemptTimeoutMs } from './options.ts';

/** What needs the packages, for messages. */
const service = 'Azure Key Vault';

/** Loads `@azure/keyvault-keys` at its first use. @throws {TamperError} `DEPENDENCY_MISSING` */
async function loadKeyVaultKeys(): Promise<typeof import('@azure/keyvault-keys')> {
  try {
    return await import('@azure/keyvault-keys');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/keyvault-keys' }, cause);
  }
}

/** How many clients are kept: one for each vault, one for each version in use. */
const maxClients = 32;
/** How long a token that the vault refused is not asked for anew again, in milliseconds. */
const renewalPauseMs = 30_000;

/** A client that uses one version of a key, and what its calls have to go through. */
export interface VersionClient {
  readonly client: AzureCryptographyClient;
  readonly gate: FirstAlone;
}

/** The clients of one provider: made on first use, kept, given up when it closes. */
export class AzureSession {
  readonly #options: AzureKeyVaultOptions;
  readonly clock: Clock;
  readonly #keyClients = new LruMap<string, AzureKeyClient>(maxClients);
  readonly #versionClients = new LruMap<string, VersionClient>(maxClients);
  readonly warnings: KeyWarnings = new KeyWarnings('azure-keyvault');
  #clients: Promise<AzureKeyVaultClients> | undefined;
  #kind = 'credentials';
  #caller: AzureCaller | undefined;
  #generation = 0;
  #renewedAt: number | undefined;
  #closed = false;

  constructor(options: AzureKeyVaultOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** The client for questions about the keys of a vault. */
  async keyClient(vaultUrl: string): Promise<AzureKeyClient> {
    const clients = await this.#load();
    const known = this.#keyClients.get(vaultUrl);
    if (known !== undefined) return known;
    const made = clients.keyClient(vaultUrl);
    this.#keyClients.set(vaultUrl, made);
    return made;
  }

  /** The client that uses one version of a key. */
  async versionClient(version: AzureKeyVersionHandle): Promise<VersionClient> {
    const clients = await this.#load();
    const known = this.#versionClients.get(version.id);
    if (known !== undefined) return known;
    const made = { client: clients.cryptographyClient(version), gate: new FirstAlone() };
    this.#versionClients.set(version.id, made);
    return made;
  }

  /** Which credential is used and who the last token said that we are. */
  credentialFacts(): { readonly kind: string; readonly caller: AzureCaller | undefined } {
    const kind =
      this.#options.client === undefined ? this.#kind : 'a client that was passed in, with its own credential';
    return { kind, caller: this.#caller };
  }

  /** Counts how often the clients were made anew. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * After the vault has refused a token: gives up clients and credential, so that the next call asks for a new one. At
   * most twice a minute, because a refusal may be meant.
   *
   * @param generation - the one of the call that was refused
   * @returns whether asking again may help
   */
  renew(generation: number): boolean {
    if (generation !== this.#generation) return true; // another call has seen to it
    const now = this.clock.now();
    const isSoon = this.#renewedAt !== undefined && now - this.#renewedAt < renewalPauseMs;
    if (this.#options.client !== undefined || this.#closed || isSoon) return false;
    this.#renewedAt = now;
    this.#generation += 1;
    this.#clients = undefined;
    this.#keyClients.clear();
    this.#versionClients.clear();
    return true;
  }

  assertOpen(): void {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the Azure Key Vault provider is closed');
  }

  close(): void {
    this.#closed = true;
    this.#clients = undefined;
    this.#keyClients.clear();
    this.#versionClients.clear();
  }

  #load(): Promise<AzureKeyVaultClients> {
    this.assertOpen();
    if (this.#options.client !== undefined) return Promise.resolve(this.#options.client);
    if (this.#clients === undefined) {
      const loading = this.#make();
      this.#clients = loading;
      loading.catch(() => {
        if (this.#clients === loading) this.#clients = undefined; // the next call tries again
      });
    }
    return this.#clients;
  }

  async #make(): Promise<AzureKeyVaultClients> {
    const options = this.#options;
    const { KeyClient, CryptographyClient } = await loadPackages(options.credential === undefined);
    const environment = options.environment ?? process.env;
    const tenantKnown = (options.tenantId ?? environment['AZURE_TENANT_ID']) !== undefined;
    const choice = await chooseCredential({
      ...options,
      service,
      attemptTimeoutMs: options.attemptTimeoutMs ?? defaultAttemptTimeoutMs,
    });
    this.#kind = choice.kind;
    if (choice.secret) {
      this.warnings.say(
        choice.kind,
        'Azure is accessed with a client secret, which anyone who reads it can use until it is replaced',
        'Prefer a managed identity or workload identity.',
      );
    }
    const credential = boundedCredential(choice, tenantKnown, (caller) => {
      this.#caller = caller;
    });
    return {
      keyClient: (vaultUrl) => new KeyClient(vaultUrl, credential, pipelineOptions(vaultUrl, options)),
      cryptographyClient: (version) => {
        const { vaultUrl, ...names } = version.properties;
        // Whole as the SDK wants it, and yet without the dates and operations by which it would refuse on its own.
        const key = { ...version, key: { ...version.key }, properties: { ...names, vaultUrl } };
        return new CryptographyClient(key, credential, pipelineOptions(vaultUrl, options));
      },
    };
  }
}

/** Both packages are looked for, so that one message names all that is missing. */
async function loadPackages(withIdentity: boolean): Promise<typeof import('@azure/keyvault-keys')> {
  const [loaded, other] = await Promise.allSettled([
    loadKeyVaultKeys(),
    withIdentity ? loadIdentity(service) : undefined,
  ]);
  if (loaded.status === 'fulfilled') {
    if (other.status === 'rejected') throw other.reason;
    return loaded.value;
  }
  if (other.status === 'fulfilled') throw loaded.reason;
  throw new TamperError(
    'DEPENDENCY_MISSING',
    'Azure Key Vault support requires @azure/keyvault-keys and @azure/identity. Install them with: npm install @azure/keyvault-keys @azure/identity',
    { cause: loaded.reason },
  );
}

/** What both kinds of client are made with. The SDK keeps the object, so each gets its own. */
function pipelineOptions(vaultUrl: string, options: AzureKeyVaultOptions): PipelineOptions {
  const vault = new URL(vaultUrl);
  return {
    // On loopback no host can end in the name that the challenge asks tokens for; elsewhere it must.
    disableChallengeResourceVerification: isLoopback(vault.hostname),
    allowInsecureConnection: vault.protocol === 'http:', // on loopback only, see parseKeyUrl
    retryOptions: { maxRetries: 0 }, // ours are the only retries
    redirectOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'fapilog-tamper' },
    ...(options.caCertificates !== undefined && { tlsOptions: { ca: options.caCertificates } }),
    additionalPolicies: [
      { policy: stayOn(vault), position: 'perCall' },
      { policy: boundReplies(), position: 'perRetry' },
    ],
  };
}

interface PipelineOptions {
  readonly disableChallengeResourceVerification: boolean;
  readonly allowInsecureConnection: boolean;
  readonly retryOptions: { readonly maxRetries: number };
  readonly redirectOptions: { readonly maxRetries: number };
  userAgentOptions: { userAgentPrefix: string };
  readonly tlsOptions?: { readonly ca: string };
  additionalPolicies: { policy: StayPolicy | BoundingPolicy; position: 'perCall' | 'perRetry' }[];
}

interface StayPolicy {
  readonly name: string;
  sendRequest<Request extends { url: string }, Response>(
    request: Request,
    next: (request: Request) => Promise<Response>,
  ): Promise<Response>;
}

/** Keeps every request, and so every token, on the vault that was configured, whatever `nextLink` or `kid` say. */
function stayOn(vault: URL): StayPolicy {
  return {
    name: 'stayOnVaultPolicy',
    sendRequest(request, next) {
      const url = new URL(request.url);
      if (url.origin !== vault.origin) request.url = `${vault.origin}${url.pathname}${url.search}`;
      return next(request);
    },
  };
}

/**
 * Lets calls through one at a time until one has succeeded, and all of them from then on.
 *
 * The SDK sends the first request of each client without a body to be told how to authenticate, and repeats it. Of two
 * first requests at once one can be repeated without its body, which the service then refuses.
 */
export class FirstAlone {
  #open = false;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param what - for the message where the signal has fired before its turn came
   * @throws {TamperError} `ABORTED`; what `call` throws
   */
  async run<T>(what: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    if (this.#isOpen()) return call();
    const before = this.#last;
    let done = (): void => undefined;
    this.#last = new Promise<void>((resolve) => {
      done = resolve;
    });
    try {
      await before;
      throwIfAborted(what, signal);
      if (this.#isOpen()) done(); // the one before has succeeded: nobody needs to wait for this one
      const value = await call();
      this.#open = true;
      return value;
    } finally {
      done();
    }
  }

  /** A method, because another call may have changed it meanwhile, which the compiler does not expect of a field. */
  #isOpen(): boolean {
    return this.#open;
  }
}
