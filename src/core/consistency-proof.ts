import type { Digest } from './hash.ts';
import { hashNode } from './tree.ts';

/**
 * Checks that the tree of `second` leaves continues the tree of `first` leaves (RFC 9162 section 2.1.4.2).
 *
 * @param first - size of the earlier tree, at least 1: nothing can be shown of an empty one
 * @param second - size of the later tree
 * @param proof - the hashes in the order of RFC 9162 section 2.1.4.1; empty where both sizes are equal
 * @returns false for every proof that is not exactly the one of these two trees, also for sizes that are none
 */
export function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Digest,
  secondRoot: Digest,
  proof: readonly Digest[],
): boolean {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second) return false;
  if (first === second) return proof.length === 0 && firstRoot === secondRoot;
  let fn = first - 1;
  let sn = second - 1;
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2;
    sn = Math.floor(sn / 2);
  }
  // fn is 0 here exactly where `first` is a power of two: the earlier tree is then a subtree of the later one
  const [start, ...rest] = fn === 0 ? [firstRoot, ...proof] : proof;
  if (start === undefined) return false;
  let fr = start;
  let sr = start;
  for (const digest of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = hashNode(digest, fr);
      sr = hashNode(digest, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = hashNode(sr, digest);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && fr === firstRoot && sr === secondRoot;
}
