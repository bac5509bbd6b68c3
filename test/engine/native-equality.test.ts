import { describe, expect, it } from 'vitest';
import { RecordKey } from '../../src/core/hmac.ts';
import { frontierLength } from '../../src/core/tree.ts';
import { classifyLine, type RecordLine, SALT_LENGTH } from '../../src/format/entry.ts';
import { trimInputLine, unwrapRecord } from '../../src/format/record.ts';
import { times } from '../support/tier.ts';
import { type Batch, checkWithBoth, type SealedBatch, sealWithBoth } from './both-engines.ts';
import { anyLine, LONGEST, longLine, objectLine, Random } from './random-lines.ts';

/** So many lines are sealed and checked by both engines. */
const LINES = Number(process.env['ENGINE_LINES'] ?? times(4_000, 20_000));
const SEED = Number(process.env['ENGINE_SEED'] ?? 13);

interface LinesAndBatch {
  readonly lines: readonly Buffer[];
  readonly batch: Batch;
}

function batchOf(random: Random, count: number): LinesAndBatch {
  const areObjects = random.below(5) === 0;
  const lines = Array.from({ length: count }, () => (areObjects ? objectLine(random) : anyLine(random)));
  for (let long = areObjects ? 0 : random.below(4); long > 0; long--) lines[random.below(count)] = longLine(random);
  const before = random.bytes(random.below(20));
  const ends = lines.map((line) => Buffer.concat([line, Buffer.from(random.below(9) === 0 ? '\r\n' : '\n')]));
  const input = Buffer.concat([before, ...ends]);
  const length = input.length - before.length;
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
  const records = open ? 1 + random.below(count + 1) : count;
  const batch = {
    input,
    areObjects,
    key: random.below(2) === 0 ? undefined : new RecordKey(random.bytes(32)),
    salts: random.below(2) === 0 ? undefined : random.salts(records),
    size,
    subtrees,
    kid: `AbCdEf_-.${random.of([1, 42, 2 ** 53 - 1])}`,
    limits: {
      from: before.length,
      to: before.length + Math.min(border(length), length),
      inputBytes: border(length),
      maxLineBytes: open ? random.of([1, 20, 300, LONGEST]) : 2 * LONGEST,
      records,
      at,
      limit: at + border(length * random.of([2, 6]) + count * 330 + 100),
      lineLimit: open && random.below(3) === 0 ? at + random.below(length + 2) : Number.MAX_SAFE_INTEGER,
    },
  };
  return { lines, batch };
}

/** What the records of these batches were, by what tells them apart. */
type Tally = Map<string, number>;

function count(tally: Tally, what: string, more = 1): void {
  tally.set(what, (tally.get(what) ?? 0) + more);
}

/** The application's lines come back from what was sealed, as section 1 of the format says. */
function readBack({ lines, batch }: LinesAndBatch, { sealed, output }: SealedBatch, tally: Tally): void {
  let at = 0;
  for (let index = 0; index < sealed.records; index++) {
    const end = output.indexOf(0x0a, at);
    const line = output.subarray(at, end);
    const read = classifyLine(line) as RecordLine;
    if (read.type !== 'record' || read.seq !== batch.size + 1 + index)
      throw new Error(`line ${index}: ${line.toString('latin1')}`);
    const given = lines[index] as Buffer;
    const kept = given.subarray(0, trimInputLine(given, 0, given.length));
    if (unwrapRecord(line, read)?.equals(kept) !== true && unwrapRecord(line, read)?.equals(given) !== true) {
      throw new Error(`line ${index} does not come back: ${given.toString('latin1')}`);
    }
    const salt = batch.salts?.toString('base64url', index * SALT_LENGTH, (index + 1) * SALT_LENGTH);
    if (salt !== undefined && !line.includes(`,"salt":"${salt}","key_id":`, read.memberStart))
      throw new Error(`line ${index} has not its salt: ${line.toString('latin1')}`);
    count(tally, read.member);
    count(tally, salt === undefined ? 'plain' : 'salted');
    count(tally, read.as ?? 'object');
    if (given.length >= 4_096) count(tally, 'of 4 KiB and more');
    if (given.length >= 262_144) count(tally, 'of 256 KiB and more');
    at = end + 1;
  }
}

/** Checks what was sealed, perhaps spoilt; what stops a run is stepped over, as a verifier does that takes it by itself. */
function checkAll(random: Random, batch: Batch, output: Buffer, records: number, tally: Tally): void {
  const bytes = Buffer.concat([Buffer.of(0x0a), spoiltAtTimes(random, output)]);
  const checksAuth = random.below(4) > 0;
  const before = Buffer.from(bytes);
  for (let from = 1, skipped = 0; from < bytes.length; skipped++) {
    const tree = skipped === 0 && random.below(4) > 0;
    const to = random.below(4) === 0 ? from + random.below(bytes.length - from + 1) : bytes.length;
    const how = { checksAuth, tree, records: 1 + random.below(records + 3), from, to, skipped };
    const checked = checkWithBoth(batch, bytes, how);
    count(tally, 'checked', checked.records);
    skipped += checked.records;
    const lf = bytes.indexOf(0x0a, checked.end);
    if (lf < 0) break;
    if (checked.records < how.records) count(tally, 'refused');
    from = lf + 1;
  }
  expect(bytes.equals(before)).toBe(true);
}

function spoiltAtTimes(random: Random, output: Buffer): Buffer {
  const bytes = Buffer.from(output);
  if (bytes.length === 0 || random.below(2) === 0) return bytes;
  const at = random.below(bytes.length);
  if (random.below(2) === 0) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  else return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(3))]);
  return bytes;
}

describe('the native engine', () => {
  it(`seals and checks ${LINES} lines as the one in TypeScript does (ENGINE_LINES, ENGINE_SEED)`, {
    timeout: 3_600_000,
  }, async ({ annotate }) => {
    const random = new Random(SEED);
    const tally: Tally = new Map();
    for (let lines = 0, round = 0; lines < LINES; round++) {
      const given = batchOf(random, 1 + random.below(60));
      const { input, limits } = given.batch;
      try {
        const sealed = sealWithBoth(given.batch, limits.at + input.length * 6 + given.lines.length * 330 + 400);
        readBack(given, sealed, tally);
        lines += sealed.sealed.records;
        checkAll(random, given.batch, sealed.output, sealed.sealed.records, tally);
      } catch (error) {
        throw new Error(`round ${round} of seed ${SEED}`, { cause: error });
      }
    }
    await annotate(`${LINES} records and more: ${[...tally].map(([what, times]) => `${what} ${times}`).join(', ')}`);
    // that all this happened at all
    const least = (divisor: number, ...names: string[]): void => {
      for (const name of names) expect(tally.get(name) ?? 0, name).toBeGreaterThan(LINES / divisor);
    };
    least(3, 'checked');
    least(8, 'mac', 'hash', 'plain', 'salted', 'object', 'text');
    least(20, 'base64', 'refused');
    least(200, 'of 4 KiB and more');
    least(1_000, 'of 256 KiB and more');
  });
});
