import { describe, expect, it } from 'vitest';
import { RecordKey } from '../../src/core/hmac.ts';
import { Frontier, frontierLength } from '../../src/core/tree.ts';
import type { CheckedRecords, Engine, SealedLines } from '../../src/engine/engine.ts';
import { classifyLine, type RecordLine } from '../../src/format/entry.ts';
import { trimInputLine, unwrapRecord } from '../../src/format/record.ts';
import { builtEngine, typescriptEngine } from './engines.ts';
import { anyLine, objectLine, Random } from './random-lines.ts';

/** So many lines are sealed and checked by both engines. */
const LINES = Number(process.env['ENGINE_LINES'] ?? 20_000);
const SEED = Number(process.env['ENGINE_SEED'] ?? 13);
const LONG = 1_048_576;

interface Batch {
  readonly input: Buffer;
  readonly lines: readonly Buffer[];
  readonly areObjects: boolean;
  readonly key: RecordKey | undefined;
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

function batchOf(random: Random, count: number, long: boolean): Batch {
  const areObjects = random.below(5) === 0;
  const lines = Array.from({ length: count }, () => (areObjects ? objectLine(random) : anyLine(random)));
  if (long && !areObjects) lines.splice(random.below(count), 1, longLine(random));
  const ends = lines.map((line) => Buffer.concat([line, Buffer.from(random.below(9) === 0 ? '\r\n' : '\n')]));
  const input = Buffer.concat(ends);
  const size = random.of([
    0,
    1,
    2,
    7,
    8,
    9,
    98,
    99,
    999,
    2 ** 31,
    2 ** 32 - 2,
    2 ** 53 - 1 - 2 * count,
    random.below(1e9),
  ]);
  const subtrees = Array.from({ length: frontierLength(size) }, () => random.bytes(32).toString('latin1'));
  const at = 1 + random.below(40);
  const open = random.below(3) === 0;
  const border = (most: number): number => (open ? random.below(most + 2) : most);
  return {
    input,
    lines,
    areObjects,
    key: random.below(2) === 0 ? undefined : new RecordKey(random.bytes(32)),
    size,
    subtrees,
    kid: `AbCdEf_-.${random.of([1, 42, 2 ** 53 - 1])}`,
    limits: {
      from: 0,
      to: border(input.length),
      inputBytes: border(input.length),
      maxLineBytes: open ? random.of([1, 20, 300, LONG]) : 2 * LONG,
      records: open ? 1 + random.below(count + 1) : count,
      at,
      limit: at + border(input.length * 2 + count * 300 + 100),
      lineLimit: open && random.below(3) === 0 ? at + random.below(input.length + 2) : Number.MAX_SAFE_INTEGER,
    },
  };
}

function longLine(random: Random): Buffer {
  const length = random.of([65_536, LONG - 1, LONG]);
  return random.of([
    Buffer.from(`{"msg":"${'x'.repeat(length - 10)}"}`),
    Buffer.alloc(length, 0x22),
    Buffer.concat([Buffer.alloc(length - 1, 0x20), Buffer.of(0xff)]),
    Buffer.from(`{"a":${'['.repeat(length / 4)}${']'.repeat(length / 4)}}`),
  ]);
}

interface SealedBy {
  readonly sealed: SealedLines;
  readonly output: Buffer;
  readonly frontier: Frontier;
}

function sealWith(engine: Engine, batch: Batch): SealedBy {
  const output = Buffer.alloc(batch.limits.at + batch.input.length * 6 + batch.lines.length * 300 + 400, 0xaa);
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
    areObjects: batch.areObjects,
  });
  return { sealed, output: output.subarray(batch.limits.at, sealed.end), frontier };
}

interface CheckedBy {
  readonly checked: CheckedRecords;
  readonly leaves: Buffer;
  readonly frontier: Frontier | undefined;
}

function checkWith(
  engine: Engine,
  batch: Batch,
  bytes: Buffer,
  how: {
    readonly checksAuth: boolean;
    readonly tree: boolean;
    readonly records: number;
    readonly from: number;
    readonly skipped: number;
  },
): CheckedBy {
  const leaves = Buffer.alloc(how.records * 32);
  const frontier = how.tree ? new Frontier(batch.size, batch.subtrees) : undefined;
  const checked = engine.checkRecords({
    bytes,
    from: how.from,
    to: bytes.length,
    seq: batch.size + 1 + how.skipped,
    kid: batch.kid,
    member: batch.key === undefined ? 'hash' : 'mac',
    key: how.checksAuth ? batch.key : undefined,
    checksAuth: how.checksAuth,
    records: how.records,
    frontier,
    leaves,
  });
  return { checked, leaves: leaves.subarray(0, checked.records * 32), frontier };
}

function same(one: Frontier | undefined, other: Frontier | undefined): void {
  expect(one?.size).toBe(other?.size);
  expect(one?.subtrees).toEqual(other?.subtrees);
}

/** The application's lines come back from what was sealed, as section 1 of the format says. */
function checkLines(batch: Batch, { sealed, output }: SealedBy): void {
  let at = 0;
  for (let index = 0; index < sealed.records; index++) {
    const end = output.indexOf(0x0a, at);
    const line = output.subarray(at, end);
    const read = classifyLine(line) as RecordLine;
    if (read.type !== 'record' || read.seq !== batch.size + 1 + index)
      throw new Error(`line ${index}: ${line.toString('latin1')}`);
    const given = batch.lines[index] as Buffer;
    const kept = given.subarray(0, trimInputLine(given, 0, given.length));
    if (unwrapRecord(line, read)?.equals(kept) !== true && unwrapRecord(line, read)?.equals(given) !== true) {
      throw new Error(`line ${index} does not come back: ${given.toString('latin1')}`);
    }
    at = end + 1;
  }
}

describe('the native engine', () => {
  const native = builtEngine();

  it(`seals and checks ${LINES} lines as the one in TypeScript does (ENGINE_LINES, ENGINE_SEED)`, {
    timeout: 3_600_000,
  }, () => {
    const random = new Random(SEED);
    const tally = { lines: 0, sealed: 0, wrapped: 0, checked: 0, refused: 0 };
    for (let round = 0; tally.lines < LINES; round++) {
      const batch = batchOf(random, 1 + random.below(60), round % 500 === 7);
      const ours = sealWith(typescriptEngine, batch);
      const theirs = sealWith(native, batch);
      expect(theirs.sealed).toEqual(ours.sealed);
      if (!theirs.output.equals(ours.output)) throw new Error(`round ${round}: the bytes differ`);
      same(theirs.frontier, ours.frontier);
      checkLines(batch, ours);
      tally.lines += batch.lines.length;
      tally.sealed += ours.sealed.records;
      if (ours.output.includes('"as":"')) tally.wrapped++;

      const bytes = Buffer.concat([Buffer.of(0x0a), spoiltAtTimes(random, ours.output)]);
      const checksAuth = random.below(4) > 0;
      const before = Buffer.from(bytes);
      // what stops a run is stepped over, as a verifier does that takes it by itself
      for (let from = 1, skipped = 0; from < bytes.length; skipped++) {
        const tree = skipped === 0 && random.below(4) > 0;
        const how = { checksAuth, tree, records: 1 + random.below(ours.sealed.records + 3), from, skipped };
        const weSay = checkWith(typescriptEngine, batch, bytes, how);
        const theySay = checkWith(native, batch, bytes, how);
        expect(theySay.checked).toEqual(weSay.checked);
        if (!theySay.leaves.equals(weSay.leaves)) throw new Error(`round ${round}: the leaves differ`);
        same(theySay.frontier, weSay.frontier);
        tally.checked += weSay.checked.records;
        skipped += weSay.checked.records;
        const lf = bytes.indexOf(0x0a, weSay.checked.end);
        if (lf < 0) break;
        if (weSay.checked.records < how.records) tally.refused++;
        from = lf + 1;
      }
      expect(bytes.equals(before)).toBe(true);
    }
    // that all this happened at all
    expect(Math.min(tally.sealed, tally.checked)).toBeGreaterThan(LINES / 20);
    expect(Math.min(tally.wrapped, tally.refused)).toBeGreaterThan(LINES / 200);
  });
});

function spoiltAtTimes(random: Random, output: Buffer): Buffer {
  const bytes = Buffer.from(output);
  if (bytes.length === 0 || random.below(2) === 0) return bytes;
  const at = random.below(bytes.length);
  if (random.below(2) === 0) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  else return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(3))]);
  return bytes;
}
