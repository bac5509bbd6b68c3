import type { Digest } from '../../src/core/hash.ts';
import { EMPTY_ROOT, hashNode } from '../../src/core/tree.ts';

/** A naive tree: its roots and proofs by the recursive definitions of RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1. */

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
