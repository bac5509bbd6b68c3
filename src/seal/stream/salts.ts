import { randomFillSync } from 'node:crypto';
import { SALT_LENGTH } from '../../format/entry.ts';

/** A draw costs as much as hashing three lines, however few bytes it is of. */
const FEWEST = 64;
const MOST = 1_024;

/** M1.14: The salts of the records of one batch: drawn when they are needed, and overwritten when the batch is written. */
export class Salts {
  readonly #bytes = Buffer.allocUnsafeSlow(MOST * SALT_LENGTH);
  #next = 0;
  #drawn = 0;

  /**
   * The next salts, as many as `count` says, but at most 1,024. What is not {@link used} is given again.
   *
   * @throws what the random generator of the system throws; there is no other one
   */
  next(count: number): Buffer {
    const length = Math.min(MOST, count) * SALT_LENGTH;
    if (this.#drawn - this.#next < length) {
      this.clear();
      const drawn = Math.max(FEWEST * SALT_LENGTH, length);
      randomFillSync(this.#bytes, 0, drawn);
      this.#drawn = drawn;
    }
    return this.#bytes.subarray(this.#next, this.#next + length);
  }

  /** So many of those that were given last stand in records: they are never given again. */
  used(count: number): void {
    const end = this.#next + count * SALT_LENGTH;
    this.#bytes.fill(0, this.#next, end);
    this.#next = end;
  }

  /** The batch is written: the next one draws its own. */
  clear(): void {
    this.#bytes.fill(0, this.#next, this.#drawn);
    this.#next = 0;
    this.#drawn = 0;
  }
}
