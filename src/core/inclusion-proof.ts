import type { Digest } from './hash.ts';
import { SiblingPath } from './sibling-path.ts';
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

/** The inclusion proofs of one leaf of a tree that grows leaf by leaf, so that a log of any length is read once. */
export class InclusionPath {
  readonly #index: number;
  readonly #path: SiblingPath;

  /** For the leaf that comes next in a tree of `size` leaves with this frontier: its index is `size`. */
  constructor(size: number, subtrees: readonly Digest[]) {
    this.#index = size;
    this.#path = new SiblingPath(size, 0, subtrees);
  }

  /** The leaf's index, from 0. */
  get index(): number {
    return this.#index;
  }

  /** The next leaf after this one is about to be added to the tree of `size` leaves that has this frontier. */
  grow(size: number, subtrees: readonly Digest[], leaf: Digest): void {
    this.#path.grow(size, subtrees, leaf);
  }

  /** The tree went back to `size` leaves, of which this leaf is one. */
  goBack(size: number): void {
    this.#path.cutTo(heightOver(this.#index, size));
  }

  /** The inclusion proof in the tree of `size` leaves, which has this frontier and is no larger than the tree so far. */
  proofIn(size: number, subtrees: readonly Digest[]): Digest[] {
    if (size <= this.#index) throw new RangeError(`a tree of ${size} leaves has no leaf ${this.#index}`);
    const height = heightOver(this.#index, size);
    return [...this.#path.siblings.slice(0, height), ...this.#path.above(height, subtrees)];
  }
}
