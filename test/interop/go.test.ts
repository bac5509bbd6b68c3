import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { InclusionPath } from '../../src/core/inclusion-proof.ts';
import { Frontier } from '../../src/core/tree.ts';
import { proveConsistency, proveInclusion, rootOf } from '../support/proof.ts';
import { goProgram } from '../support/registry-tools.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { bothLog, signedLog } from '../vectors/logs.ts';

/** golang.org/x/mod v0.29.0: sumdb/note opens our checkpoints, sumdb/tlog accepts our proofs. */

let binary = '';

function ask(questions: object): string {
  const { stdout, stderr } = spawnSync(binary, [], { input: JSON.stringify(questions), encoding: 'utf8' });
  return stdout.trim() + stderr.trim();
}

const hex = (digest: string): string => digestBytes(digest).toString('hex');

describe('go', () => {
  beforeAll(() => {
    binary = goProgram('go');
  }, 300_000);

  it.each([
    ['signed', signedLog()],
    ['both', bothLog()],
  ])('sumdb/note opens every Ed25519 checkpoint of a log: %s', (_name, log) => {
    const vkey = vkeyOf(log.origin, edKey);
    const notes = log.seals.map(({ size, text }) => ({ note: log.note({ size }), vkey, text }));
    expect(notes.length).toBeGreaterThan(2);
    expect(ask({ notes })).toBe('ok');
  });

  it('sumdb/note refuses a note with a changed size and one of another key', () => {
    const log = signedLog();
    const vkey = vkeyOf(log.origin, edKey);
    const changed = { note: log.note({ size: 8 }).replace('\n8\n', '\n9\n'), vkey, text: '' };
    expect(ask({ notes: [changed] })).toContain('invalid signature');
  });

  it('sumdb/tlog accepts every inclusion and consistency proof of a log, and refuses a wrong one', () => {
    const { leaves } = signedLog();
    const root = (size: number): string => hex(rootOf(leaves.slice(0, size)));
    const sizes = leaves.map((_leaf, at) => at + 1);
    const inclusion = sizes.flatMap((size) =>
      sizes.slice(0, size).map((_size, index) => ({
        size,
        index,
        leaf: hex(leaves[index] ?? ''),
        root: root(size),
        proof: proveInclusion(leaves.slice(0, size), index).map(hex),
      })),
    );
    const consistency = sizes.flatMap((second) =>
      sizes.slice(0, second).map((first) => ({
        first,
        second,
        firstRoot: root(first),
        secondRoot: root(second),
        proof: proveConsistency(leaves.slice(0, second), first).map(hex),
      })),
    );
    expect(inclusion.length).toBeGreaterThan(100);
    expect(ask({ inclusion, consistency })).toBe('ok');
    expect(ask({ inclusion: [{ ...inclusion.at(-1), root: root(3) }] })).toContain('inclusion of');
    expect(ask({ consistency: [{ ...consistency.at(-2), firstRoot: root(3) }] })).toContain('consistency of');
  });

  it('sumdb/tlog accepts the inclusion proofs that are built while a tree grows, at sizes past and present', () => {
    const leaves = Array.from({ length: 700 }, (_, at) => sha256(`leaf ${at}`));
    const indexes = [0, 1, 2, 63, 64, 255, 256, 300, 511, 512, 698, 699];
    const tree = new Frontier();
    const followed: InclusionPath[] = [];
    const inclusion: object[] = [];
    for (const [at, leaf] of leaves.entries()) {
      for (const path of followed) path.grow(tree.size, tree.subtrees, leaf);
      if (indexes.includes(at)) followed.push(new InclusionPath(tree.size, tree.subtrees));
      tree.append(leaf);
      if (at % 23 !== 0 && at !== leaves.length - 1) continue;
      for (const path of followed) {
        inclusion.push({
          size: tree.size,
          index: path.index,
          leaf: hex(leaves[path.index] ?? ''),
          root: hex(tree.root()),
          proof: path.proofIn(tree.size, tree.subtrees).map(hex),
        });
      }
    }
    expect(inclusion.length).toBeGreaterThan(200);
    expect(ask({ inclusion })).toBe('ok');
  });
});
