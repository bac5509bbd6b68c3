import type { LineTaker } from '../seal/sealer-stream.ts';

interface Entry {
  readonly write: () => boolean;
  readonly done: (() => void) | undefined;
}

/** Lines of a logger on their way to a sealer: one after the other, the next one when the sealer takes more. */
export class LineQueue {
  readonly #sealer: LineTaker;
  #entries: Entry[] = [];
  #isHeldBack = false;
  #whenEmpty: (() => void)[] = [];

  constructor(sealer: LineTaker) {
    this.#sealer = sealer;
  }

  /**
   * Gives a line to the sealer, at once where it can be.
   *
   * @param write - returns whether the sealer takes more
   * @param done - called when it does
   */
  add(write: () => boolean, done?: () => void): void {
    this.#entries.push({ write, done });
    if (!this.#isHeldBack) this.#run();
  }

  /** Resolves when the sealer has been given every line. */
  async whenEmpty(): Promise<void> {
    if (this.#isHeldBack) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  #run(): void {
    const entries = this.#entries;
    this.#entries = [];
    for (const [at, { write, done }] of entries.entries()) {
      if (write()) {
        done?.();
        continue;
      }
      this.#isHeldBack = true;
      this.#entries = [...entries.slice(at + 1), ...this.#entries];
      this.#sealer.once('drain', () => {
        this.#isHeldBack = false;
        done?.();
        this.#run();
      });
      return;
    }
    if (!this.#isHeldBack) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
