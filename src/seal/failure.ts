import { TamperError } from '../errors.ts';

/** The error that ended a log, and how it reaches somebody: by a promise that waits, by an event, or by being thrown. */
export class Failure {
  readonly #waiters = new Set<(error: unknown) => void>();
  #error: Error | undefined;
  #observed = false;

  get error(): Error | undefined {
    return this.#error;
  }

  /** Whether a promise carries errors to somebody. */
  get isObserved(): boolean {
    return this.#observed;
  }

  /** A promise that carries errors was handed out. */
  observe(): void {
    this.#observed = true;
  }

  /** @returns false where the log had failed already */
  set(error: Error): boolean {
    if (this.#error !== undefined) return false;
    this.#error = error;
    for (const reject of this.#waiters) reject(error);
    return true;
  }

  /** The log has ended, in whatever way: nothing is waited for any more. */
  giveUp(reason: Error): void {
    for (const reject of this.#waiters) reject(this.#error ?? reason);
  }

  /** Resolves as `promise` does, or rejects when the log fails before. */
  async orFailed<T>(promise: Promise<T>): Promise<T> {
    this.observe();
    if (this.#error !== undefined) throw this.#error;
    let reject: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, onFailure) => {
      reject = onFailure;
    });
    this.#waiters.add(reject);
    try {
      return await Promise.race([promise, failed]);
    } finally {
      this.#waiters.delete(reject);
    }
  }
}

/** What is said to whoever asks something of a sealer that has ended. */
export function sealerClosed(origin: string, consequence = ''): TamperError {
  return new TamperError('SEALER_CLOSED', `the sealer of ${origin} is closed${consequence}`);
}
