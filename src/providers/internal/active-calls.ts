/** The calls under way, so that closing ends them at once instead of at their deadlines. */
export class ActiveCalls {
  readonly #controllers = new Set<AbortController>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs a call under a signal that fires with the caller's own and when everything is closed. */
  async run<T>(signal: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const forward = (): void => controller.abort(signal?.reason);
    if (signal?.aborted) forward();
    signal?.addEventListener('abort', forward, { once: true });
    this.#controllers.add(controller);
    try {
      return await call(controller.signal);
    } finally {
      this.#controllers.delete(controller);
      signal?.removeEventListener('abort', forward);
    }
  }

  close(): void {
    this.#closed = true;
    for (const controller of this.#controllers) controller.abort();
  }
}
