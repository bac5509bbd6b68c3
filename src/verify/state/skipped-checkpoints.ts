import type { Place } from '../model/findings.ts';

/** Checkpoints before the first entry of a file that may be about entries still to come; the largest of them. */
interface Early {
  readonly size: number;
  readonly place: Place;
  readonly count: number;
  readonly smallest: number;
}

/**
 * Checkpoint lines of which nothing is said, or not yet: they are of entries that were not read, or older than the roots kept
 * (M8.10); or they stand before the entries that they may be about. Only here they are written.
 */
export class SkippedCheckpoints {
  #count = 0;
  #smallest = Number.POSITIVE_INFINITY;
  #early: Early | undefined;

  add(size: number): void {
    this.#count++;
    this.#smallest = Math.min(this.#smallest, size);
  }

  /** One comes before the first entry of its file, which will tell. */
  hold(size: number, place: Place): void {
    const early = this.#early;
    const largest = early === undefined || size > early.size ? { size, place } : early;
    const smallest = Math.min(size, early?.smallest ?? size);
    this.#early = { size: largest.size, place: largest.place, count: (early?.count ?? 0) + 1, smallest };
  }

  /** Those that are held. */
  get early(): Early | undefined {
    return this.#early;
  }

  /** The first entry of the file has come. @returns what was held, if it covers that entry */
  settle(seq: number): Early | undefined {
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined || early.size >= seq) return early;
    this.#count += early.count;
    this.#smallest = Math.min(this.#smallest, early.smallest);
    return undefined;
  }

  /** How many there were, and the smallest size; undefined where there were none. */
  get report(): { readonly count: number; readonly smallest: number } | undefined {
    return this.#count === 0 ? undefined : { count: this.#count, smallest: this.#smallest };
  }
}
