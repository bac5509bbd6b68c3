import type { Digest } from '../../src/core/hash.ts';
import { EMPTY_ROOT, hashNode } from '../../src/core/tree.ts';

/** Inclusion and consistency proofs of RFC 9162 sections 2.1.3 and 2.1.4. */

/** The largest power of two below `n`, for n > 1. */
function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function subtreeRoot(leaves: readonly Digest[], start: number, end: number): Digest {
  const n = end - start;
  if (n === 0) return EMPTY_ROOT;
  if (n === 1) return leaves[start] as Digest;
  const middle = start + splitPoint(n);
  return hashNode(subtreeRoot(leaves, start, middle), subtreeRoot(leaves, middle, end));
}

function checkRange(ok: boolean, what: string): void {
  if (!ok) throw new RangeError(what);
}

/** The root of the tree over `leaves` (leaf hashes). */
export function rootOf(leaves: readonly Digest[]): Digest {
  return subtreeRoot(leaves, 0, leaves.length);
}

/** The inclusion proof for leaf `index` (from 0) in the tree over `leaves`, lowest sibling first (RFC 9162 2.1.3.1). */
export function proveInclusion(leaves: readonly Digest[], index: number): Digest[] {
  checkRange(Number.isSafeInteger(index) && index >= 0 && index < leaves.length, `no leaf ${index}`);
  const path = (start: number, end: number, at: number): Digest[] => {
    if (end - start === 1) return [];
    const middle = start + splitPoint(end - start);
    return at < middle
      ? [...path(start, middle, at), subtreeRoot(leaves, middle, end)]
      : [...path(middle, end, at), subtreeRoot(leaves, start, middle)];
  };
  return path(0, leaves.length, index);
}

/** Checks an inclusion proof (RFC 9162 2.1.3.2). */
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

/** The consistency proof between the trees over the first `size` leaves and over all of them (RFC 9162 2.1.4.1). */
export function proveConsistency(leaves: readonly Digest[], size: number): Digest[] {
  checkRange(Number.isSafeInteger(size) && size > 0 && size <= leaves.length, `no tree of ${size} leaves`);
  const subproof = (m: number, start: number, end: number, known: boolean): Digest[] => {
    const n = end - start;
    if (m === n) return known ? [] : [subtreeRoot(leaves, start, end)];
    const k = splitPoint(n);
    return m <= k
      ? [...subproof(m, start, start + k, known), subtreeRoot(leaves, start + k, end)]
      : [...subproof(m - k, start + k, end, false), subtreeRoot(leaves, start, start + k)];
  };
  return subproof(size, 0, leaves.length, true);
}

/** Checks a consistency proof (RFC 9162 2.1.4.2). */
export function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Digest,
  secondRoot: Digest,
  proof: readonly Digest[],
): boolean {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second) return false;
  if (first === second) return proof.length === 0 && firstRoot === secondRoot;
  if (proof.length === 0) return false;
  let fn = first - 1;
  let sn = second - 1;
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2;
    sn = Math.floor(sn / 2);
  }
  // fn is 0 here exactly where `first` is a power of two: its root is then the proof's first node
  const path = fn === 0 ? [firstRoot, ...proof] : proof;
  let fr = path[0] as Digest;
  let sr = fr;
  for (const digest of path.slice(1)) {
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
