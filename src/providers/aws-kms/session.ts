import { TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { callService } from '../../keys/call.ts';
import type { KeyEventFacts, KeyOperation } from '../../keys/events.ts';
import type { CallOptions } from '../../keys/provider.ts';
import { KeyWarnings } from '../../keys/warnings.ts';
import { vendorFacts } from '../internal/aws-vendor-error.ts';
import type { AwsKmsCallOptions, AwsKmsClient, AwsKmsReply } from './client.ts';
import { mapAwsError } from './error-map.ts';
import { type AwsKmsOptions, checkAwsKmsOptions } from './options.ts';
import { type AwsCredentialFacts, OwnClients, type OwnedClient } from './own-clients.ts';

const defaultTimeoutMs = 15_000;

/** Calls AWS within one use of a key: `ask('Sign', arn, (client, call) => client.sign(…, call))`. */
export type Ask = <R extends AwsKmsReply>(
  operation: string,
  keyId: string,
  call: (client: AwsKmsClient, options: AwsKmsCallOptions) => Promise<R>,
) => Promise<R>;

/** How one use of a key is bounded. */
export interface UseOptions extends CallOptions {
  /** How many items a batch has. */
  readonly items?: number;
  /** How many calls one after the other it takes; the deadline is that many times longer. Default 1. */
  readonly rounds?: number;
}

/**
 * The way every call to AWS goes: the client loaded at the first one, one event per use of a key, a deadline over
 * everything, errors in our codes. The SDK retries; nothing here does.
 */
export class AwsKmsSession {
  readonly clock: Clock;
  readonly #options: AwsKmsOptions;
  readonly #own: OwnClients;
  readonly warnings: KeyWarnings = new KeyWarnings('aws-kms');
  #looked = false;
  #closed = false;

  constructor(options: AwsKmsOptions) {
    checkAwsKmsOptions(options, process.env);
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.#own = new OwnClients(options);
  }

  /** One use of a key, whatever number of calls it takes. */
  use<T>(
    operation: KeyOperation,
    keyId: string,
    options: UseOptions,
    run: (ask: Ask, facts: KeyEventFacts) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs = defaultTimeoutMs } = this.#options;
    const service = {
      operation,
      source: 'aws-kms',
      keyId,
      timeoutMs: timeoutMs * (options.rounds ?? 1),
      signal: options.signal,
      clock: this.clock,
      policy: { attempts: 1, baseDelayMs: 0, maxDelayMs: 0 }, // the SDK retries already
      ...(options.items !== undefined && { items: options.items }),
    } as const;
    return callService(service, (signal, facts) => {
      facts.attempts = 0; // counted by call below
      return run(this.#asker(signal, facts), facts);
    });
  }

  /** The region our own client talks to; undefined for a client that was given in. */
  region(): Promise<string | undefined> {
    return this.#ofOurs('region', (own) => own.region());
  }

  /** What is known of our credentials; undefined for a client that was given in. */
  credentials(): Promise<AwsCredentialFacts | undefined> {
    return this.#ofOurs('credentials', (own) => own.credentials());
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link AwsKmsSession.close} */
  assertOpen(): void {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the AWS KMS provider is closed');
  }

  /** Closes connections of our own client. Calls under way end with `PROVIDER_CLOSED`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#own.close();
  }

  #asker(signal: AbortSignal, facts: KeyEventFacts): Ask {
    return async (operation, keyId, call) => {
      this.assertOpen();
      try {
        const client = this.#options.client ?? (await this.#own.for(keyId)).client;
        signal.throwIfAborted();
        const reply = await call(client, { abortSignal: signal });
        facts.attempts += reply.$metadata?.attempts ?? 1;
        if (reply.$metadata?.requestId !== undefined) facts.requestId = reply.$metadata.requestId;
        this.#lookAtCredentials();
        return reply;
      } catch (error) {
        if (this.#closed) this.assertOpen();
        const mapped = mapAwsError(error, { operation, keyId });
        facts.attempts += vendorFacts(error).attempts ?? 0;
        throw mapped;
      }
    };
  }

  /** Once, after they have worked: credentials that never expire are worth a word. */
  #lookAtCredentials(): void {
    if (this.#looked || this.#options.client !== undefined) return;
    this.#looked = true;
    const warn = async (): Promise<void> => {
      const { temporary, accessKey } = await (await this.#own.configured()).credentials();
      if (temporary) return;
      this.warnings.say(
        accessKey,
        `the AWS credentials (access key ${accessKey}) never expire`,
        'Prefer a role: EKS Pod Identity, IRSA, ECS, Lambda or an instance profile.',
      );
    };
    warn().catch(() => undefined); // whatever is wrong with them, the next call that needs them says so
  }

  #ofOurs<T>(what: string, read: (own: OwnedClient) => Promise<T>): Promise<T | undefined> {
    const { client, timeoutMs = defaultTimeoutMs } = this.#options;
    if (client !== undefined) return Promise.resolve(undefined);
    return withDeadline({ what: `AWS ${what}`, timeoutMs, clock: this.clock }, async () => {
      try {
        return await read(await this.#own.configured());
      } catch (error) {
        throw mapAwsError(error, { operation: what, keyId: '*' });
      }
    });
  }
}
