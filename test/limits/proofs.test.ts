import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/hash.ts';
import { InclusionPath, verifyInclusion } from '../../src/core/inclusion-proof.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { EntryProof } from '../../src/verify/proof/entry-proof.ts';
import { NoteKeys } from '../../src/verify/proof/note-lines.ts';

/** What the proof of one record keeps while a log is read: it does not grow with the log. */

const TAIL = `${'A'.repeat(43)}"}}`;
const SEALS = 10_000;

describe('the proof of one record', () => {
  it('keeps the newest 8,192 seals that no checkpoint covers yet, and is still made by one of them', () => {
    const tree = new Frontier();
    const proof = new EntryProof(1, new NoteKeys());
    const add = (leaf: Buffer): void => {
      proof.grow(tree.size + 1, tree.subtrees, hashLeaf(leaf));
      tree.append(hashLeaf(leaf));
    };
    const record = Buffer.from(`{"a":1,"integrity":{"seq":1,"key_id":"AAAAAAAA.1","hash":"${TAIL}`);
    add(record.subarray(0, -46));
    proof.keep(1, record, 0, record.length);
    const sizes = new Map<number, { root: string; frontier: readonly string[] }>();
    for (let at = 0; at < SEALS; at++) {
      const line = Buffer.from(`seal ${at}${TAIL}`);
      const before = [...tree.subtrees];
      add(line.subarray(0, -46));
      const sealed = { seq: tree.size, root: tree.root(), frontier: [...tree.subtrees] };
      sizes.set(tree.size, sealed);
      proof.seal(
        line,
        { ...sealed, kind: 'seal', epoch: undefined, time: undefined, every: undefined, mac: undefined },
        before,
      );
    }
    const signed = (seq: number): void => {
      const { root = '', frontier = [] } = sizes.get(seq) ?? {};
      const rest = { kind: 'seal', epoch: undefined, time: undefined, every: undefined, mac: undefined } as const;
      const line = { name: 'log', keyId: '00000000', bytes: Buffer.from(String(seq)) };
      const checkpoint = { origin: 'log', size: seq, root, text: `note ${seq}\n`, signatures: [line] };
      const note = { checkpoint, signatures: [line], cosignatures: [] };
      proof.noted({ seq, root, frontier, ...rest }, note, () => true);
    };
    proof.proven(tree.size);
    for (const forgotten of [2, 3, 1000, SEALS + 1 - 8192]) signed(forgotten);
    expect(proof.parts).toBeUndefined();
    signed(SEALS + 1);
    signed(SEALS + 2 - 8192);
    const { parts } = proof;
    const size = SEALS + 2 - 8192;
    expect(parts).toMatchObject({
      index: 0,
      note: expect.stringContaining(`note ${size}\n\n— log `),
      sealLeaf: Buffer.from(`seal ${size - 2}`),
    });
    const root = sizes.get(size)?.root ?? '';
    expect(verifyInclusion(0, size, hashLeaf(record.subarray(0, -46)), parts?.proof ?? [], root)).toBe(true);
  });

  it('keeps 53 hashes at most of a tree of any size', () => {
    const size = 2 ** 52;
    const path = new InclusionPath(
      size - 1,
      Array.from({ length: 52 }, (_, at) => sha256(String(at))),
    );
    expect(path.proofIn(size, [sha256('root')]).length).toBe(52);
    path.grow(size, [sha256('root')], sha256('next'));
    expect(path.proofIn(size + 1, [sha256('root'), sha256('next')]).length).toBe(53);
  });
});
