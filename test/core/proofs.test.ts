import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsistencyPath } from '../../src/core/consistency-path.ts';
import { verifyConsistency } from '../../src/core/consistency-proof.ts';
import { type Digest, sha256 } from '../../src/core/hash.ts';
import { InclusionPath, inclusionProofLength, verifyInclusion } from '../../src/core/inclusion-proof.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { proveConsistency, proveInclusion, rootOf } from '../support/proof.ts';
import { someOf } from '../support/tier.ts';

/** The proofs of RFC 9162 against a naive tree that is built by the recursive definitions, and the checks of its section 2.1.4.2. */

const SIZES = 130;
const leaves = Array.from({ length: 3000 }, (_, at) => sha256(String(at)));
const other = sha256('other');

/** Grows a tree by leaves that are known, and follows one of them. */
class Followed {
  readonly tree = new Frontier();
  path: InclusionPath | undefined;
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
  }

  growTo(size: number, all: readonly Digest[] = leaves): this {
    for (const leaf of all.slice(this.tree.size, size)) {
      if (this.tree.size === this.#index) this.path = new InclusionPath(this.tree.size, this.tree.subtrees);
      else this.path?.grow(this.tree.size, this.tree.subtrees, leaf);
      this.tree.append(leaf);
    }
    return this;
  }

  proof(): Digest[] {
    return this.path?.proofIn(this.tree.size, this.tree.subtrees) ?? [];
  }
}

function replaced(proof: readonly Digest[], at: number): Digest[] {
  return proof.map((hash, place) => (place === at ? other : hash));
}

describe('an inclusion proof', () => {
  it(`is the one of the naive tree, for every leaf in every size up to ${SIZES}, as the tree grows`, () => {
    for (let index = 0; index < SIZES; index++) {
      const followed = new Followed(index);
      for (let size = index + 1; size <= SIZES; size++) {
        const proof = followed.growTo(size).proof();
        expect(proof).toEqual(proveInclusion(leaves.slice(0, size), index));
        expect(inclusionProofLength(index, size)).toBe(proof.length);
        expect(verifyInclusion(index, size, leaves[index] as Digest, proof, followed.tree.root())).toBe(true);
      }
    }
  });

  it('is the one of the naive tree at random places of a large one, also in a smaller one of its past', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: leaves.length }), fc.nat(), fc.nat(), (size, place, back) => {
        const index = place % size;
        const earlier = index + 1 + (back % (size - index));
        const followed = new Followed(index).growTo(size);
        const past = new Followed(index).growTo(earlier).tree;
        expect(followed.proof()).toEqual(proveInclusion(leaves.slice(0, size), index));
        expect(followed.path?.proofIn(earlier, past.subtrees)).toEqual(proveInclusion(leaves.slice(0, earlier), index));
      }),
      { numRuns: 60 },
    );
  });

  it('follows a tree that goes back and grows again with other leaves', () => {
    const others = (from: number): Digest[] => leaves.map((leaf, at) => (at < from ? leaf : sha256(`again ${at}`)));
    for (const index of someOf([...Array(40).keys()], 13)) {
      for (const [high, back] of [
        [41, index + 1],
        [70, index + 7],
        [120, 64],
        [129, 65],
      ] as const) {
        if (back <= index || back > high) continue;
        const followed = new Followed(index).growTo(high);
        followed.path?.goBack(back);
        const again = others(back);
        const tree = new Frontier();
        for (const leaf of again.slice(0, back)) tree.append(leaf);
        for (const leaf of again.slice(back, 200)) {
          expect(followed.path?.proofIn(tree.size, tree.subtrees)).toEqual(
            proveInclusion(again.slice(0, tree.size), index),
          );
          followed.path?.grow(tree.size, tree.subtrees, leaf);
          tree.append(leaf);
        }
      }
    }
  });

  it('proves nothing else: another leaf, index, size, root or hash, one more, one less, another order', () => {
    for (const size of someOf([...Array(67).keys()].slice(1), 8)) {
      const root = rootOf(leaves.slice(0, size));
      for (let index = 0; index < size; index++) {
        const leaf = leaves[index] as Digest;
        const proof = proveInclusion(leaves.slice(0, size), index);
        const holds = (...changed: Parameters<typeof verifyInclusion>): boolean => verifyInclusion(...changed);
        expect(holds(index, size, leaf, proof, root)).toBe(true);
        expect(holds(index, size, other, proof, root)).toBe(false);
        expect(holds(index, size, leaf, proof, other)).toBe(false);
        for (const wrong of [index + 1, index - 1, size, -1, 0.5, Number.NaN, 2 ** 53]) {
          expect(holds(wrong, size, leaf, proof, root)).toBe(false);
        }
        expect(holds(index, size, leaf, [...proof, root], root)).toBe(false);
        expect(holds(index, size, leaf, [...proof, ...proof], root)).toBe(proof.length === 0);
        for (let at = 0; at < proof.length; at++) {
          expect(holds(index, size, leaf, replaced(proof, at), root)).toBe(false);
          expect(holds(index, size, leaf, proof.toSpliced(at, 1), root)).toBe(false);
          if (at > 0) {
            const swapped = proof.toSpliced(at - 1, 2, proof[at] as Digest, proof[at - 1] as Digest);
            expect(holds(index, size, leaf, swapped, root)).toBe(false);
          }
        }
      }
    }
  });

  it('has at most 53 hashes, in trees of up to 2^53 - 1 leaves, and only the sizes of its form are tried', () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect(inclusionProofLength(0, most)).toBe(53);
    expect(inclusionProofLength(most - 1, most)).toBe(52);
    expect(inclusionProofLength(0, 1)).toBe(0);
    const proof = Array.from({ length: 53 }, () => other);
    expect(verifyInclusion(0, most, other, proof, other)).toBe(false);
    expect(() => new InclusionPath(4, [other]).proofIn(4, [other])).toThrow(RangeError);
  });
});

describe('a consistency proof', () => {
  it('holds for every two sizes of one tree, and for nothing else', () => {
    for (let second = 1; second <= 66; second++) {
      const secondRoot = rootOf(leaves.slice(0, second));
      for (let first = 1; first <= second; first++) {
        const firstRoot = rootOf(leaves.slice(0, first));
        const proof = proveConsistency(leaves.slice(0, second), first);
        expect(verifyConsistency(first, second, firstRoot, secondRoot, proof)).toBe(true);
        expect(verifyConsistency(first, second, other, secondRoot, proof)).toBe(false);
        expect(verifyConsistency(first, second, firstRoot, other, proof)).toBe(false);
        expect(verifyConsistency(first, second, firstRoot, secondRoot, [...proof, other])).toBe(false);
        if (first < second) expect(verifyConsistency(first, second, firstRoot, firstRoot, proof)).toBe(false);
        for (let at = 0; at < proof.length; at++) {
          expect(verifyConsistency(first, second, firstRoot, secondRoot, replaced(proof, at))).toBe(false);
          expect(verifyConsistency(first, second, firstRoot, secondRoot, proof.toSpliced(at, 1))).toBe(false);
        }
      }
    }
  });

  it('holds at random sizes of a large tree', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: leaves.length }), fc.nat(), (second, place) => {
        const first = 1 + (place % second);
        const proof = proveConsistency(leaves.slice(0, second), first);
        const roots = [rootOf(leaves.slice(0, first)), rootOf(leaves.slice(0, second))] as const;
        expect(verifyConsistency(first, second, ...roots, proof)).toBe(true);
        if (first > 1) expect(verifyConsistency(first - 1, second, ...roots, proof)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [0, 4],
    [5, 4],
    [-1, 4],
    [1.5, 4],
    [1, 4.5],
    [1, Number.NaN],
    [1, 2 ** 53],
  ])('is none for the sizes %d and %d', (first, second) => {
    expect(verifyConsistency(first, second, other, other, [])).toBe(false);
    expect(verifyConsistency(first, second, other, other, [other])).toBe(false);
  });

  it('is needed where one tree is larger, and empty where they are of one size', () => {
    expect(verifyConsistency(3, 4, other, other, [])).toBe(false);
    expect(verifyConsistency(2, 4, other, other, [])).toBe(false);
    expect(verifyConsistency(4, 4, other, other, [])).toBe(true);
    expect(verifyConsistency(4, 4, other, other, [other])).toBe(false);
  });
});

const grown: Digest[] = Array.from({ length: 140 }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));

function frontierOf(size: number): Frontier {
  const frontier = new Frontier();
  for (const leaf of grown.slice(0, size)) frontier.append(leaf);
  return frontier;
}

describe('a consistency path', () => {
  it('gives the proof of RFC 9162 from every size to every later one, in one pass', () => {
    for (let first = 0; first < grown.length; first++) {
      const tree = frontierOf(first);
      const earlier = tree.root();
      const path = new ConsistencyPath(first, tree.subtrees);
      for (let second = first; second <= grown.length; second++) {
        const proof = path.proofTo(second, tree.subtrees);
        const whole = first === 0 ? [] : proveConsistency(grown.slice(0, second), first);
        if (second > first) expect(proof, `${first} to ${second}`).toEqual(whole);
        else expect(proof).toEqual([]);
        if (first > 0) expect(verifyConsistency(first, second, earlier, tree.root(), proof)).toBe(true);
        const leaf = grown[second];
        if (leaf === undefined) continue;
        path.grow(second, tree.subtrees, leaf);
        tree.append(leaf);
      }
    }
  });

  it('refuses a frontier of another size', () => {
    expect(() => new ConsistencyPath(3, frontierOf(4).subtrees)).toThrow(RangeError);
  });
});
