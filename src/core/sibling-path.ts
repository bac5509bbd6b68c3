import type { Digest } from './hash.ts';
import { frontierLength, hashNode } from './tree.ts';

/**
 * The siblings of a complete subtree, and of what is above it, in a tree that grows leaf by leaf (RFC 9162 section 2.1): in
 * memory that grows with the logarithm of the size, and without reading anything again. With the frontier at a later size
 * they give a proof in the tree of that size.
 */
export class SiblingPath {
  readonly #leaf: number;
  readonly #height: number;
  /** The subtrees left of it, the largest first: one for each one bit of its place. */
  readonly #left: readonly Digest[];
  /** From its own height up, as far as what they complete is complete. */
  readonly #siblings: Digest[] = [];

  /**
   * @param leaf - index of a leaf of the subtree, from 0
   * @param height - the subtree has 2^`height` leaves
   * @param left - the complete subtrees left of it, the largest first
   */
  constructor(leaf: number, height: number, left: readonly Digest[]) {
    this.#leaf = leaf;
    this.#height = height;
    this.#left = [...left];
    this.#takeLeft();
  }

  /** The height that the siblings reach: so high is the largest complete subtree over it. */
  get top(): number {
    return this.#height + this.#siblings.length;
  }

  /** The siblings so far, from its own height up. */
  get siblings(): readonly Digest[] {
    return this.#siblings;
  }

  /** The next leaf is about to be added to the tree of `size` leaves, the subtree among them, that has this frontier. */
  grow(size: number, subtrees: readonly Digest[], leaf: Digest): void {
    const { top } = this;
    if (size + 1 !== (this.#above(top) + 2) * 2 ** top) return;
    // of the sibling all but its last leaf is there: as many subtrees as it has levels
    let root = leaf;
    for (let at = 1; at <= top; at++) root = hashNode(subtrees[subtrees.length - at] as Digest, root);
    this.#siblings.push(root);
    this.#takeLeft();
  }

  /** The tree went back: siblings above `height` are complete no more. */
  cutTo(height: number): void {
    this.#siblings.length = height - this.#height;
  }

  /** What a proof has above `height`, in the tree of `size` leaves with this frontier: all that is right of it, then what is left. */
  above(height: number, subtrees: readonly Digest[]): Digest[] {
    const left = frontierLength(this.#above(height));
    const rest = subtrees.slice(0, left).reverse();
    let right = subtrees.at(-1);
    if (right === undefined || left + 1 >= subtrees.length) return rest;
    for (let at = subtrees.length - 2; at > left; at--) right = hashNode(subtrees[at] as Digest, right);
    return [right, ...rest];
  }

  /** Takes the siblings that stand left: they are complete as soon as what they are siblings of is. */
  #takeLeft(): void {
    for (let above = this.#above(this.top); above % 2 === 1; above = (above - 1) / 2) {
      this.#siblings.push(this.#left[frontierLength(above) - 1] as Digest); // its place has so many one bits
    }
  }

  /** The place of the subtree of 2^`height` leaves above it, counted from 0. */
  #above(height: number): number {
    return Math.floor(this.#leaf / 2 ** height);
  }
}
