import type { Digest } from './hash.ts';
import { frontierLength, hashNode } from './tree.ts';

/**
 * Consistency proofs of RFC 9162 section 2.1.4.1 (RFC 6962 section 2.1.2) from one size to every larger one, built while the
 * tree grows leaf by leaf: in memory that grows with the logarithm of the size, and without reading anything again.
 */
export class ConsistencyPath {
  readonly #size: number;
  /** The smallest subtree of the earlier tree, 2^`#height` leaves: the proof begins at it. */
  readonly #edge: Digest | undefined;
  readonly #height: number;
  /** The earlier tree's other subtrees, the largest first: they stand left of the edge. */
  readonly #left: readonly Digest[];
  /** The siblings of the edge and of what is above it, from `#height` up, as far as what they complete is complete. */
  readonly #siblings: Digest[] = [];

  /** From the tree of `size` leaves that has this frontier. */
  constructor(size: number, subtrees: readonly Digest[]) {
    if (subtrees.length !== frontierLength(size)) throw new RangeError(`this is no frontier of ${size} leaves`);
    this.#size = size;
    this.#edge = subtrees.at(-1);
    this.#left = subtrees.slice(0, -1);
    this.#height = trailingZeros(size);
    this.#takeLeft();
  }

  /** The size of the earlier tree. */
  get size(): number {
    return this.#size;
  }

  /** A leaf is about to be added to the tree of `size` leaves, at least the earlier one's, that has this frontier. */
  grow(size: number, subtrees: readonly Digest[], leaf: Digest): void {
    const height = this.#height + this.#siblings.length;
    if (this.#size === 0 || size + 1 !== (this.#above(height) + 2) * 2 ** height) return;
    // of the sibling all but its last leaf is there: as many subtrees as it has levels
    let root = leaf;
    for (let at = 1; at <= height; at++) root = hashNode(subtrees[subtrees.length - at] as Digest, root);
    this.#siblings.push(root);
    this.#takeLeft();
  }

  /** The proof to the tree so far, of `size` leaves and with this frontier; empty from an empty tree, and to itself. */
  proofTo(size: number, subtrees: readonly Digest[]): Digest[] {
    if (this.#edge === undefined || size === this.#size) return [];
    const left = frontierLength(this.#above(this.#height + this.#siblings.length));
    const proof = this.#left.length === 0 ? [...this.#siblings] : [this.#edge, ...this.#siblings];
    let right = subtrees.at(-1);
    if (left + 1 < subtrees.length) {
      for (let at = subtrees.length - 2; at > left; at--) right = hashNode(subtrees[at] as Digest, right as Digest);
      proof.push(right as Digest);
    }
    return [...proof, ...subtrees.slice(0, left).reverse()];
  }

  /** Takes the siblings that stand left: they were complete before. */
  #takeLeft(): void {
    let above = this.#above(this.#height + this.#siblings.length);
    for (; above % 2 === 1; above = (above - 1) / 2) {
      this.#siblings.push(this.#left[frontierLength(above) - 1] as Digest); // the edge's place has so many one bits
    }
  }

  /** The place of the subtree of 2^`height` leaves that holds the earlier tree's last leaf, counted from 0. */
  #above(height: number): number {
    return this.#size === 0 ? 0 : Math.floor((this.#size - 1) / 2 ** height);
  }
}

function trailingZeros(size: number): number {
  let zeros = 0;
  for (let rest = size; rest > 0 && rest % 2 === 0; rest /= 2) zeros++;
  return zeros;
}
