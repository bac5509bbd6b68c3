import type { Digest } from './hash.ts';
import { SiblingPath } from './sibling-path.ts';
import { frontierLength } from './tree.ts';

/**
 * Consistency proofs of RFC 9162 section 2.1.4.1 (RFC 6962 section 2.1.2) from one size to every larger one, built while the
 * tree grows leaf by leaf: in memory that grows with the logarithm of the size, and without reading anything again.
 */
export class ConsistencyPath {
  readonly #size: number;
  /** The smallest subtree of the earlier tree: the proof begins at it. Undefined for an empty tree. */
  readonly #edge: Digest | undefined;
  /** Whether the earlier tree is that subtree alone, which is no part of the proof then. */
  readonly #isEdge: boolean;
  readonly #path: SiblingPath;

  /** From the tree of `size` leaves that has this frontier. */
  constructor(size: number, subtrees: readonly Digest[]) {
    if (subtrees.length !== frontierLength(size)) throw new RangeError(`this is not a frontier of ${size} leaves`);
    this.#size = size;
    this.#edge = subtrees.at(-1);
    this.#isEdge = subtrees.length === 1;
    this.#path = new SiblingPath(Math.max(0, size - 1), trailingZeros(size), subtrees.slice(0, -1));
  }

  /** The size of the earlier tree. */
  get size(): number {
    return this.#size;
  }

  /** A leaf is about to be added to the tree of `size` leaves, at least the earlier one's, that has this frontier. */
  grow(size: number, subtrees: readonly Digest[], leaf: Digest): void {
    if (this.#size > 0) this.#path.grow(size, subtrees, leaf);
  }

  /** The proof to the tree so far, of `size` leaves and with this frontier; empty from an empty tree, and to itself. */
  proofTo(size: number, subtrees: readonly Digest[]): Digest[] {
    if (this.#edge === undefined || size === this.#size) return [];
    const { siblings, top } = this.#path;
    return [...(this.#isEdge ? [] : [this.#edge]), ...siblings, ...this.#path.above(top, subtrees)];
  }
}

function trailingZeros(size: number): number {
  let zeros = 0;
  for (let rest = size; rest > 0 && rest % 2 === 0; rest /= 2) zeros++;
  return zeros;
}
