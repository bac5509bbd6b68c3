import { throwIfAborted } from '../../foundation/deadline.ts';

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
