import { isTamperError, TamperError } from '../../errors.ts';

/** The calls under way, so that closing ends them at once instead of at their deadlines. */
export class ActiveCalls {
  readonly #controllers = new Set<AbortController>();
  #closed = false;

  /**
   * Runs a call under a signal that fires with the caller's own and when everything is closed.
   *
   * @throws {TamperError} `PROVIDER_CLOSED`: closed before or meanwhile; and what `call` throws
   */
  async run<T>(keyId: string, signal: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.assertOpen(keyId);
    const controller = new AbortController();
    const forward = (): void => controller.abort(signal?.reason);
    if (signal?.aborted) forward();
    signal?.addEventListener('abort', forward, { once: true });
    this.#controllers.add(controller);
    try {
      return await call(controller.signal);
    } catch (error) {
      if (isTamperError(error, 'ABORTED') && !signal?.aborted) this.assertOpen(keyId);
      throw error;
    } finally {
      this.#controllers.delete(controller);
      signal?.removeEventListener('abort', forward);
    }
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` */
  assertOpen(keyId: string): void {
    if (!this.#closed) return;
    throw new TamperError('PROVIDER_CLOSED', `the Google Cloud KMS provider of key "${keyId}" is closed`);
  }

  close(): void {
    this.#closed = true;
    for (const controller of this.#controllers) controller.abort();
  }
}
