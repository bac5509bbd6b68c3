/** Reading takes at least so many times as long as writing: a snapshot is written whole, and grows. */
const READING_TIMES = 19;

/** When the next snapshot is due: at once, or later if the one before took long. */
export class SavingPace {
  readonly #now: () => number;
  #due = Number.NEGATIVE_INFINITY;

  /** @param now - a clock that never goes back, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isDue(): boolean {
    return this.#now() >= this.#due;
  }

  /** Saves, and sets when it is done again. */
  async save(work: () => Promise<void>): Promise<void> {
    const began = this.#now();
    await work();
    const end = this.#now();
    this.#due = end + READING_TIMES * (end - began);
  }
}
