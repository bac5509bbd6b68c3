import { TamperError } from '../../errors.ts';
import { callService } from '../../keys/call.ts';
import type { KeyEventFacts, KeyOperation } from '../../keys/events.ts';
import type { CallOptions } from '../../keys/provider.ts';
import { ActiveCalls } from '../internal/active-calls.ts';
import type { VaultConnection } from './connection.ts';
import type { VaultSettings } from './options.ts';
import type { PermissionQuestions } from './permissions.ts';
import { signChunk, type TransitCall } from './transit.ts';

/** What one use of a key is given besides the key. */
export interface UseOptions extends CallOptions {
  /** How many items a batch has: they are sent one chunk after another, and the deadline grows with them. */
  readonly items?: number;
}

/** The way every use of a key goes: one event, a deadline, bounded attempts, a token, and an end when the provider closes. */
export class VaultCalls {
  readonly #connection: VaultConnection;
  readonly #settings: VaultSettings;
  readonly #active = new ActiveCalls();

  constructor(connection: VaultConnection, settings: VaultSettings) {
    this.#connection = connection;
    this.#settings = settings;
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link VaultCalls.close}, also where that ended the call */
  async use<T>(
    operation: KeyOperation,
    key: { readonly path: string },
    options: UseOptions,
    run: (call: TransitCall, facts: KeyEventFacts) => Promise<T>,
  ): Promise<T> {
    this.assertOpen();
    const { timeoutMs, attemptTimeoutMs, policy, clock } = this.#settings;
    const { items } = options;
    const requests = Math.max(1, Math.ceil((items ?? 1) / signChunk));
    const service = {
      operation,
      source: 'vault',
      keyId: key.path,
      timeoutMs: timeoutMs * requests,
      attemptTimeoutMs: attemptTimeoutMs * requests,
      policy,
      clock,
      ...(items === undefined ? {} : { items }),
    } as const;
    const { session } = this.#connection;
    try {
      return await this.#active.run(options.signal, (outer) =>
        callService({ ...service, signal: outer }, (signal, facts) =>
          session.use(signal, (token) => {
            this.assertOpen();
            if (session.principal !== undefined) facts.principal = session.principal;
            const seen = (requestId: string | undefined): void => {
              if (requestId !== undefined) facts.requestId = requestId;
            };
            return run({ token, signal, seen }, facts);
          }),
        ),
      );
    } catch (error) {
      this.assertOpen(); // a use that close() has ended
      throw error;
    }
  }

  /** Is logged in, or logs in. @throws {TamperError} what a login throws */
  async logIn(): ReturnType<PermissionQuestions['logIn']> {
    this.assertOpen();
    const { session } = this.#connection;
    const login = await session.logIn();
    return { principal: session.principal, ...login };
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link VaultCalls.close} */
  assertOpen(): void {
    if (this.#active.closed) throw new TamperError('PROVIDER_CLOSED', 'the Vault provider is closed');
  }

  /** Ends what is under way, erases the token, closes connections. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#active.closed) return;
    this.#active.close();
    await this.#connection.close();
  }
}
