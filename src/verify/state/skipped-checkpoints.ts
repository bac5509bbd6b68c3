/** Checkpoint lines of which nothing is said: they are of entries that were not read, or older than the roots kept (M8.10). */
export class SkippedCheckpoints {
  #count = 0;
  #smallest = Number.POSITIVE_INFINITY;

  add(size: number): void {
    this.addAll(1, size);
  }

  /** So many of them, the smallest of `size` entries. */
  addAll(count: number, size: number): void {
    this.#count += count;
    this.#smallest = Math.min(this.#smallest, size);
  }

  /** How many there were, and the smallest size; undefined where there were none. */
  get report(): { readonly count: number; readonly smallest: number } | undefined {
    return this.#count === 0 ? undefined : { count: this.#count, smallest: this.#smallest };
  }
}
