import type { Digest } from '../../core/hash.ts';

/** The sizes whose root is asked for: of held checkpoints, and of those that another stream cites. Only here they are written. */
export class AskedRoots {
  readonly #sizes: readonly number[];
  /** Ascending. */
  #toCome: number[];
  readonly #roots = new Map<number, Digest>();

  constructor(sizes: readonly number[]) {
    this.#sizes = [...new Set(sizes)].sort((a, b) => a - b);
    this.#toCome = [...this.#sizes];
  }

  /** The smallest one that is still to come. */
  get next(): number {
    return this.#toCome[0] ?? Number.MAX_SAFE_INTEGER;
  }

  /** The roots that were computed. */
  get roots(): ReadonlyMap<number, Digest> {
    return this.#roots;
  }

  /** The tree has reached `size`. Smaller ones, below a range that begins in its middle, come no more. @returns whether it is asked for */
  reach(size: number): boolean {
    while (this.next < size) this.#toCome.shift();
    if (this.next !== size) return false;
    this.#toCome.shift();
    return true;
  }

  note(size: number, root: Digest): void {
    this.#roots.set(size, root);
  }

  /** The tree went back to `size` leaves: what is above comes again. */
  goBack(size: number): void {
    this.#toCome = this.#sizes.filter((asked) => asked > size);
    for (const asked of this.#toCome) this.#roots.delete(asked);
  }
}
