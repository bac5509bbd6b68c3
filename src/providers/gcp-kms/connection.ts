import { isTamperError, TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { KeyWarnings } from '../../keys/warnings.ts';
import type { GcpCallOptions, GcpKmsClient } from './client.ts';
import { parseGcpEndpoint } from './endpoint.ts';
import { type GcpCall, mapGcpError } from './error-map.ts';
import { checkGcpKmsOptions, type GcpKmsOptions } from './options.ts';
import { parseKeyName } from './resource-name.ts';
import { createSdkClient, credentialFacts, type ReadyClient } from './sdk.ts';

/** The default of `attemptTimeoutMs`. */
export const defaultAttemptTimeoutMs = 5_000;

interface Generation {
  readonly ready: Promise<ReadyClient>;
  readonly since: number;
  settled: boolean;
}

/** The client and its credentials: made at the first call, made anew after a failure, closed once. */
export class GcpKmsConnection {
  readonly #options: GcpKmsOptions;
  readonly #attemptTimeoutMs: number;
  readonly #clock: Clock;
  readonly warnings: KeyWarnings = new KeyWarnings('gcp-kms');
  #current: Generation | undefined;
  #closed = false;

  /** @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT` */
  constructor(options: GcpKmsOptions) {
    checkGcpKmsOptions(options);
    if (options.gcpEndpoint !== undefined) parseGcpEndpoint(options.gcpEndpoint);
    this.#options = options;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? defaultAttemptTimeoutMs;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Makes one attempt at one call. The SDK tries once and is given the attempt's deadline; it cannot be cancelled, so the
   * caller races it besides, and `signal` says how that race ended.
   *
   * @throws {TamperError} whatever the SDK throws, mapped
   */
  async attempt<R extends readonly unknown[]>(
    call: GcpCall,
    signal: AbortSignal,
    send: (client: GcpKmsClient, options: GcpCallOptions) => Promise<R>,
  ): Promise<R> {
    this.#assertOpen(call.resource);
    const generation = this.#generation(parseKeyName(call.resource).project);
    const onAbort = (): void => {
      if (isTamperError(signal.reason, 'TIMEOUT')) this.#suspect(generation);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#send(generation, call, signal, send);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #send<R extends readonly unknown[]>(
    generation: Generation,
    call: GcpCall,
    signal: AbortSignal,
    send: (client: GcpKmsClient, options: GcpCallOptions) => Promise<R>,
  ): Promise<R> {
    const { client, headers } = await generation.ready.catch((error: unknown) => {
      throw mapGcpError(error, { ...call, method: 'initialize' });
    });
    this.#assertOpen(call.resource);
    try {
      const extra = headers === undefined ? undefined : { otherArgs: { headers: await headers() } };
      signal.throwIfAborted(); // credentials that came too late make no call that nobody waits for
      return await send(client, { timeout: this.#attemptTimeoutMs, retry: null, ...extra });
    } catch (error) {
      const mapped = mapGcpError(error, call);
      if (signal.aborted) throw mapped; // nobody waits; what the end of the race says of the connection was noted then
      if (mapped.code === 'TIMEOUT') this.#suspect(generation);
      // credentials may have been replaced where they come from; the SDK would go on with what it has
      if (mapped.code === 'UNAUTHENTICATED') this.#abandon(generation);
      throw mapped;
    }
  }

  /** A call took too long: the connection may be dead without knowing, so the next call gets another. */
  #suspect(generation: Generation): void {
    // credentials that are still being looked for are given the time of two attempts
    const waited = this.#clock.now() - generation.since;
    if (generation.settled || waited > 2 * this.#attemptTimeoutMs) this.#abandon(generation);
  }

  #assertOpen(keyId: string): void {
    if (this.#closed)
      throw new TamperError('PROVIDER_CLOSED', `the Google Cloud KMS provider of key "${keyId}" is closed`);
  }

  /**
   * The client, with its credentials found.
   *
   * @throws {TamperError} `UNAUTHENTICATED` and what else stands in the way; `TIMEOUT` after two attempts' time
   */
  async ready(resource: string): Promise<ReadyClient> {
    const call = { operation: 'login', method: 'initialize', resource } as const;
    const what = `Google Cloud KMS credentials for "${resource}"`;
    return withDeadline({ what, timeoutMs: 2 * this.#attemptTimeoutMs, clock: this.#clock }, async () => {
      const { ready } = this.#generation(parseKeyName(resource).project);
      return ready.catch((error: unknown) => {
        throw mapGcpError(error, call);
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const generation = this.#current;
    if (generation?.settled) this.#abandon(generation);
    this.#current = undefined;
  }

  #generation(projectId: string): Generation {
    if (this.#current !== undefined) return this.#current;
    const { client } = this.#options;
    const ready = client === undefined ? this.#create(projectId) : initialize(client);
    const generation: Generation = { ready, since: this.#clock.now(), settled: false };
    ready.then(
      (found) => {
        generation.settled = true;
        const { outcome, detail, hint } = credentialFacts(found);
        if (outcome === 'warning')
          this.warnings.say(projectId, `the credentials for Google Cloud KMS: ${detail}`, hint);
        if (this.#closed || this.#current !== generation) this.#end(generation);
      },
      () => this.#abandon(generation),
    );
    this.#current = generation;
    return generation;
  }

  #create(projectId: string): Promise<ReadyClient> {
    const { gcpEndpoint, transport } = this.#options;
    return createSdkClient({ gcpEndpoint, transport, attemptTimeoutMs: this.#attemptTimeoutMs, projectId });
  }

  #abandon(generation: Generation): void {
    if (this.#current === generation) this.#current = undefined;
    if (generation.settled) this.#end(generation);
  }

  /** Calls that are under way on it end by themselves, at their deadline. */
  #end(generation: Generation): void {
    if (this.#options.client !== undefined) return;
    generation.ready.then(({ client }) => client.close?.()).catch(() => undefined); // nobody uses it any more
  }
}

async function initialize(client: GcpKmsClient): Promise<ReadyClient> {
  await client.initialize?.();
  return { client };
}
