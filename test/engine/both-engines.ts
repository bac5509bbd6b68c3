import { expect } from 'vitest';
import type { RecordKey } from '../../src/core/hmac.ts';
import { Frontier } from '../../src/core/tree.ts';
import type { CheckedRecords, Engine, SealedLines } from '../../src/engine/engine.ts';
import { builtEngine, typescriptEngine } from './engines.ts';

/** Lines that both engines are given. */
export interface Batch {
  readonly input: Buffer;
  readonly areObjects: boolean;
  /** Undefined: records with a checksum, as a signed log has them. */
  readonly key: RecordKey | undefined;
  /** One for each of `records`; undefined: they have none. */
  readonly salts: Buffer | undefined;
  readonly size: number;
  readonly subtrees: readonly string[];
  readonly kid: string;
  readonly limits: {
    readonly from: number;
    readonly to: number;
    readonly inputBytes: number;
    readonly maxLineBytes: number;
    readonly records: number;
    readonly at: number;
    readonly limit: number;
    readonly lineLimit: number;
  };
}

/** What became of a batch. */
export interface SealedBatch {
  readonly sealed: SealedLines;
  /** The records. */
  readonly output: Buffer;
  readonly frontier: Frontier;
}

/** Which records are checked, and how. */
export interface Checking {
  readonly checksAuth: boolean;
  readonly tree: boolean;
  readonly records: number;
  readonly from: number;
  readonly to: number;
  /** How many seqs the first record is behind the first one of the batch. */
  readonly skipped: number;
}

const native = builtEngine();

/** Seals a batch with both engines, which must do the same. @param room - how long the output is, in bytes */
export function sealWithBoth(batch: Batch, room: number): SealedBatch {
  const ours = sealWith(typescriptEngine, batch, room);
  const theirs = sealWith(native, batch, room);
  expect(theirs.sealed).toEqual(ours.sealed);
  if (!theirs.output.equals(ours.output)) throw new Error('the bytes differ');
  expectSameTree(theirs.frontier, ours.frontier);
  return ours;
}

/** Checks records with both engines, which must do the same and leave them as they are. */
export function checkWithBoth(batch: Batch, bytes: Buffer, how: Checking): CheckedRecords {
  const ours = checkWith(typescriptEngine, batch, bytes, how);
  const theirs = checkWith(native, batch, bytes, how);
  expect(theirs.checked).toEqual(ours.checked);
  if (!theirs.leaves.equals(ours.leaves)) throw new Error('the leaf hashes differ');
  expectSameTree(theirs.frontier, ours.frontier);
  return ours.checked;
}

function sealWith(engine: Engine, batch: Batch, room: number): SealedBatch {
  const output = Buffer.alloc(room, 0xaa);
  const frontier = new Frontier(batch.size, batch.subtrees);
  const sealed = engine.sealLines({
    ...batch.limits,
    input: batch.input,
    output,
    frontier,
    seq: batch.size + 1,
    kid: batch.kid,
    member: batch.key === undefined ? 'hash' : 'mac',
    key: batch.key,
    salts: batch.salts,
    areObjects: batch.areObjects,
  });
  return { sealed, output: output.subarray(batch.limits.at, sealed.end), frontier };
}

function checkWith(
  engine: Engine,
  batch: Batch,
  bytes: Buffer,
  how: Checking,
): { readonly checked: CheckedRecords; readonly leaves: Buffer; readonly frontier: Frontier | undefined } {
  const leaves = Buffer.alloc(how.records * 32);
  const frontier = how.tree ? new Frontier(batch.size, batch.subtrees) : undefined;
  const checked = engine.checkRecords({
    bytes,
    from: how.from,
    to: how.to,
    seq: batch.size + 1 + how.skipped,
    kid: batch.kid,
    member: batch.key === undefined ? 'hash' : 'mac',
    key: how.checksAuth ? batch.key : undefined,
    salted: batch.salts !== undefined,
    checksAuth: how.checksAuth,
    records: how.records,
    frontier,
    leaves,
  });
  return { checked, leaves: leaves.subarray(0, checked.records * 32), frontier };
}

function expectSameTree(one: Frontier | undefined, other: Frontier | undefined): void {
  expect(one?.size).toBe(other?.size);
  expect(one?.subtrees).toEqual(other?.subtrees);
}
