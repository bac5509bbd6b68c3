import { describe, expect, it } from 'vitest';
import { ConsistencyPath } from '../../src/core/consistency-path.ts';
import { verifyConsistency } from '../../src/core/consistency-proof.ts';
import type { Digest } from '../../src/core/hash.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { proveConsistency } from '../support/proof.ts';

/** Against the recursive definition of RFC 9162 section 2.1.4.1, and the check of section 2.1.4.2. */

const leaves: Digest[] = Array.from({ length: 140 }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));

function frontierOf(size: number): Frontier {
  const frontier = new Frontier();
  for (const leaf of leaves.slice(0, size)) frontier.append(leaf);
  return frontier;
}

describe('a consistency path', () => {
  it('gives the proof of RFC 9162 from every size to every later one, in one pass', () => {
    for (let first = 0; first < leaves.length; first++) {
      const tree = frontierOf(first);
      const earlier = tree.root();
      const path = new ConsistencyPath(first, tree.subtrees);
      for (let second = first; second <= leaves.length; second++) {
        const proof = path.proofTo(second, tree.subtrees);
        const whole = first === 0 ? [] : proveConsistency(leaves.slice(0, second), first);
        if (second > first) expect(proof, `${first} to ${second}`).toEqual(whole);
        else expect(proof).toEqual([]);
        if (first > 0) expect(verifyConsistency(first, second, earlier, tree.root(), proof)).toBe(true);
        const leaf = leaves[second];
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
