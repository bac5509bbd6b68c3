import { TamperError } from '../errors.ts';

/** The uses of a key service under way, so that closing the provider ends them at once instead of at their deadlines. */
export class ActiveCalls {
  readonly #provider: string;
  readonly #controllers = new Set<AbortController>();
  #closed = false;

  /** @param provider - what is closed, for messages: `the Vault provider` */
  constructor(provider: string) {
    this.#provider = provider;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link ActiveCalls.close} */
  assertOpen(): void {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', `${this.#provider} is closed`);
  }

  /**
   * Runs a call under a signal that fires with the caller's own and when everything is closed.
   *
   * @throws {TamperError} `PROVIDER_CLOSED`: closed before or meanwhile; and what `call` throws
   */
  async run<T>(signal: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.assertOpen();
    const controller = new AbortController();
    const forward = (): void => controller.abort(signal?.reason);
    if (signal?.aborted) forward();
    signal?.addEventListener('abort', forward, { once: true });
    this.#controllers.add(controller);
    try {
      return await call(controller.signal);
    } catch (error) {
      if (!signal?.aborted) this.assertOpen();
      throw error;
    } finally {
      this.#controllers.delete(controller);
      signal?.removeEventListener('abort', forward);
    }
  }

  /** Ends the calls under way. Safe to call twice. */
  close(): void {
    this.#closed = true;
    for (const controller of this.#controllers) controller.abort();
  }
}
