import type { Digest } from './hash.ts';
import { frontierLength, hashNode } from './tree.ts';

/** Inclusion proofs of RFC 9162 section 2.1.3 (RFC 6962 section 2.1.1): built while a tree grows, and checked. */

/**
 * Checks that a leaf stands in a tree (RFC 9162 section 2.1.3.2).
 *
 * @param index - the leaf's, from 0
 * @param size - number of leaves of the tree
 * @param proof - the sibling's hash first, the root's child last
 * @returns false for every proof that is not exactly the one of this leaf, also for an index or size that is none
 */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Digest,
  proof: readonly Digest[],
  root: Digest,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let digest = leaf;
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      digest = hashNode(sibling, digest);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      digest = hashNode(digest, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && digest === root;
}

/** How many hashes the inclusion proof of leaf `index` (from 0) in a tree of `size` leaves has; at most 53. */
export function inclusionProofLength(index: number, size: number): number {
  const height = heightOver(index, size);
  const above = Math.floor(index / 2 ** height);
  return height + frontierLength(above) + (size > (above + 1) * 2 ** height ? 1 : 0);
}

/** The height of the largest complete subtree over the leaf `index` in a tree of `size` leaves. */
function heightOver(index: number, size: number): number {
  let height = 0;
  while ((Math.floor(index / 2 ** (height + 1)) + 1) * 2 ** (height + 1) <= size) height++;
  return height;
}

/**
 * What the proofs of one leaf need of a tree that grows leaf by leaf: the siblings on the way up, one per level. With the
 * frontier at any later size they give the proof in the tree of that size, so that a log of any length is read once.
 */
export class InclusionPath {
  readonly #index: number;
  /** The sibling at each level, from the leaf up, as far as the subtree over the leaf is complete. */
  readonly #siblings: Digest[] = [];
  /** The subtrees left of the leaf, the largest first: one for each one bit of the index. */
  readonly #left: readonly Digest[];

  /** For the leaf that comes next in a tree of `size` leaves with this frontier: its index is `size`. */
  constructor(size: number, subtrees: readonly Digest[]) {
    this.#index = size;
    this.#left = [...subtrees];
    this.#takeLeft();
  }

  /** The leaf's index, from 0. */
  get index(): number {
    return this.#index;
  }

  /** The next leaf after this one is about to be added to the tree of `size` leaves that has this frontier. */
  grow(size: number, subtrees: readonly Digest[], leaf: Digest): void {
    const height = this.#siblings.length;
    if (size + 1 !== this.#endOfSibling(height)) return;
    // of the sibling all but its last leaf is there: as many subtrees as it has levels
    let root = leaf;
    for (let at = 1; at <= height; at++) root = hashNode(subtrees[subtrees.length - at] as Digest, root);
    this.#siblings.push(root);
    this.#takeLeft();
  }

  /** The tree went back to `size` leaves, of which this leaf is one. */
  goBack(size: number): void {
    this.#siblings.length = heightOver(this.#index, size);
  }

  /** The inclusion proof in the tree of `size` leaves, which has this frontier and is no larger than the tree so far. */
  proofIn(size: number, subtrees: readonly Digest[]): Digest[] {
    if (size <= this.#index) throw new RangeError(`a tree of ${size} leaves has no leaf ${this.#index}`);
    const height = heightOver(this.#index, size);
    const left = frontierLength(this.#above(height));
    const proof = this.#siblings.slice(0, height);
    let right = subtrees.at(-1);
    if (left + 1 < subtrees.length) {
      for (let at = subtrees.length - 2; at > left; at--) right = hashNode(subtrees[at] as Digest, right as Digest);
      proof.push(right as Digest);
    }
    return [...proof, ...subtrees.slice(0, left).reverse()];
  }

  /** Takes the siblings that stand left of the leaf: they are complete as soon as what they are siblings of is. */
  #takeLeft(): void {
    for (let above = this.#above(this.#siblings.length); above % 2 === 1; above = (above - 1) / 2) {
      this.#siblings.push(this.#left[frontierLength(above) - 1] as Digest); // the index has so many one bits
    }
  }

  /** The index without its lowest `height` bits. */
  #above(height: number): number {
    return Math.floor(this.#index / 2 ** height);
  }

  /** The number of leaves with which the right sibling at `height` is complete. */
  #endOfSibling(height: number): number {
    return (this.#above(height) + 2) * 2 ** height;
  }
}
