import { describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { VerifyReport } from '../../src/index.ts';
import { streamReport, wholeReport } from '../../src/verify/verdict/report.ts';
import { type Brings, judgeStreams, memorySource } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf, times } from '../support/tier.ts';
import { vectorNames, vectorReport } from '../support/vector-reports.ts';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';
import { builtEngine, typescriptEngine } from './engines.ts';
import { Random } from './random-lines.ts';

/** So many mutants of sealed logs are verified with each engine. */
const MUTANTS = Number(process.env['ENGINE_MUTANTS'] ?? times(150, 2_000));
const SEED = Number(process.env['ENGINE_SEED'] ?? 13);

let engine: Engine = typescriptEngine;
vi.mock('../../src/engine/selected-engine.ts', () => ({
  selectedEngine: () => engine,
  selectEngine: async () => undefined,
}));

/** Takes no records: then each is verified by itself, without any engine. */
const oneByOne: Engine = {
  name: 'typescript',
  sealLines: (lines) => typescriptEngine.sealLines(lines),
  checkRecords: ({ from }) => ({ records: 0, end: from }),
};

const built = builtEngine();
let taken = 0;
const native: Engine = {
  ...oneByOne,
  name: 'native',
  checkRecords: (lines) => {
    const checked = built.checkRecords(lines);
    taken += checked.records;
    return checked;
  },
};
const ways = { 'one by one': oneByOne, typescript: typescriptEngine, native };

async function reports(report: () => Promise<VerifyReport>): Promise<Map<string, VerifyReport>> {
  const all = new Map<string, VerifyReport>();
  for (const [name, one] of Object.entries(ways)) {
    engine = one;
    all.set(name, await report());
  }
  return all;
}

/** The one report that all ways give. */
async function agreed(report: () => Promise<VerifyReport>, what: string): Promise<VerifyReport> {
  const [first, ...others] = (await reports(report)).values();
  for (const other of others) expect(other, what).toEqual(first);
  return first as VerifyReport;
}

describe('the report is the same with either engine, and without any', () => {
  it.each(someOf(vectorNames(), 16))('of the vector %s', async (name) => {
    await agreed(async () => vectorReport(name), name);
  });

  it(`of ${MUTANTS} mutants (ENGINE_MUTANTS, ENGINE_SEED)`, { timeout: 3_600_000 }, async () => {
    const random = new Random(SEED);
    const subjects = logs();
    const verdicts = new Map<string, number>();
    for (let number = 0; number < MUTANTS; number++) {
      const { bytes, auditor } = random.of(subjects);
      const mutant = number < subjects.length ? bytes : changed(random, bytes);
      const chunk = random.of([1 << 20, 4_096, 100]);
      const { verdict } = await agreed(async () => {
        const streams = await judgeStreams([memorySource('log.jsonl', mutant, chunk)], auditor, {
          shown: { quoteLines: true, digestFiles: false },
        });
        return wholeReport(
          streams.map(({ facts, findings }) => streamReport(facts, findings, false)),
          { files: [], more: 0 },
        );
      }, `mutant ${number}`);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    expect(taken).toBeGreaterThan(MUTANTS); // it was asked, and took records
    expect(verdicts.get('tampered') ?? 0).toBeGreaterThan(MUTANTS / 4);
    expect(verdicts.get('ok') ?? 0).toBeGreaterThan(0);
    expect(verdicts.get('undecided') ?? 0).toBeGreaterThan(0);
  });
});

interface Subject {
  readonly bytes: Buffer;
  readonly auditor: Brings;
}

/** Logs with runs of records between everything that ends a run, in each mode, with the keys and without. */
function logs(): Subject[] {
  const some = (log: SealedLog, count: number): SealedLog =>
    log.record(...Array.from({ length: count }, (_, at) => `{"n":${at},"msg":"${'x'.repeat(at % 40)}"}`));
  return [
    { first: { dataKey }, second: { dataKey: nextDataKey } },
    { first: { signers: [edKey] }, second: { signers: [nextEdKey] } },
    { first: { dataKey, signers: [edKey] }, second: { dataKey: nextDataKey, signers: [nextEdKey] } },
  ].flatMap(({ first, second }) => {
    const log = some(new SealedLog().open(first).seal().checkpoint(), 30).record('plain', '{}').seal().checkpoint();
    some(some(log, 12).gap(1), 9).handOver(second);
    some(log, 20).seal().checkpoint();
    some(log, 3).close().checkpoint();
    const bytes = Buffer.concat(log.toFiles().map((file) => file.bytes));
    const data = [dataKey, nextDataKey];
    const named = [edKey, nextEdKey];
    return [
      { bytes, auditor: brings(log, { data, named }) },
      { bytes, auditor: brings(log, { named }) },
      { bytes, auditor: brings(log, { data }) },
    ];
  });
}

/** One change or two: a bit, a byte, a piece of a line, a line. */
function changed(random: Random, bytes: Buffer): Buffer {
  let changedBytes = bytes;
  for (let change = random.below(2); change >= 0; change--) changedBytes = changedOnce(random, changedBytes);
  return changedBytes;
}

function changedOnce(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  const lines = copy.toString('latin1').split('\n');
  const one = random.below(lines.length - 1);
  const other = random.below(lines.length - 1);
  switch (random.below(8)) {
    case 0:
      copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(3))]);
    case 2:
      return copy.subarray(0, at);
    case 3:
      lines.splice(one, 1);
      break;
    case 4:
      lines.splice(other, 0, lines[one] as string);
      break;
    case 5:
      [lines[one], lines[other]] = [lines[other] as string, lines[one] as string];
      break;
    case 6:
      lines.splice(one, 0, random.of(['', 'a foreign line', '{"integrity":1}', '\r']));
      break;
    default:
      lines[one] = (lines[one] as string).replace(/[0-9]/, (digit) => String((Number(digit) + 1) % 10));
  }
  return Buffer.from(lines.join('\n'), 'latin1');
}
