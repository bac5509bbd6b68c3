import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Brings } from '../support/judge.ts';
import { commitOf, erase, erasedLine, erasureOf, SealedLog } from '../support/sealed-log.ts';
import { times } from '../support/tier.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { entry, insertAfter } from '../vectors/spoil.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeFiles, judgeLog } from './auditors.ts';

/** Who may write to a file and has no key erases a record, or undoes an erasure (spec/erasure.md, 4): never ok. */

const MODES = { mac: { dataKey }, sign: { signers: [edKey] }, both: { dataKey, signers: [edKey] } } as const;
type Mode = keyof typeof MODES;

interface World {
  readonly mode: Mode;
  readonly lines: readonly string[];
  /** Which records the erasure log records as erased. */
  readonly recorded: readonly number[];
  /** Whether nothing else was erased by who may. */
  readonly whole: boolean;
}

const world: fc.Arbitrary<World> = fc.record({
  mode: fc.constantFrom<Mode>('mac', 'sign', 'both'),
  lines: fc.array(
    fc.oneof(
      fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.stringify({ value })),
      fc.string(),
    ),
    {
      minLength: 4,
      maxLength: 12,
    },
  ),
  recorded: fc.uniqueArray(fc.nat(11), { maxLength: 5 }),
  whole: fc.boolean(),
});

/** Entries: 1 open, 2 seal, 3 … records, a seal behind the first half, a close. */
function logOf({ mode, lines }: World, salt = ''): SealedLog {
  const log = new SealedLog(`audit.example.com/erased${salt}`)
    .open({ ...MODES[mode], salted: true })
    .seal()
    .checkpoint();
  const own = lines.map((line) => line.replaceAll(/[\r\n]/g, ' '));
  const half = Math.ceil(own.length / 2);
  log
    .record(...own.slice(0, half))
    .seal()
    .checkpoint();
  return log
    .record(...own.slice(half))
    .close()
    .checkpoint();
}

const recordsOf = (log: SealedLog): number[] =>
  log.lines.flatMap(({ kind, seq }) => (kind === 'record' && seq !== undefined ? [seq] : []));

/** The log as who may has erased from it, and an auditor who has the erasure log. */
function honest(one: World): { log: SealedLog; auditor: Brings; erased: number[]; kept: number[] } {
  const log = logOf(one);
  const records = recordsOf(log);
  const erased = [...new Set(one.recorded.map((at) => records[at % records.length] as number))];
  const recorded = erased.map((seq) => erasureOf(log, seq));
  erase(log, ...erased);
  const keys = one.mode === 'mac' ? { data: [dataKey] } : { named: [edKey] };
  const auditor = brings(log, keys, { erasures: { recorded, whole: one.whole } });
  return { log, auditor, erased, kept: records.filter((seq) => !erased.includes(seq)) };
}

/** Another copy of the log: which of what was erased is erased there, and where it is cut. */
interface Copy {
  readonly which: readonly number[];
  readonly cut: number;
}

const copies: fc.Arbitrary<readonly Copy[]> = fc.array(
  fc.record({
    which: fc.subarray([0, 1, 2, 3, 4]),
    cut: fc.oneof(fc.integer({ min: 0, max: 4_000 }), fc.constant(1e6)),
  }),
  { minLength: 1, maxLength: 3 },
);

function copyOf(
  one: World,
  erased: readonly number[],
  { which, cut }: Copy,
  at: number,
): { name: string; bytes: Buffer } {
  const gone = erased.filter((_, number) => which.includes(number));
  const bytes = erase(logOf(one), ...gone).toFiles()[0]?.bytes ?? Buffer.alloc(0);
  const least = bytes.indexOf('\n') + 1; // of less nobody can say what it is a copy of
  return { name: `copy-${at}.jsonl`, bytes: bytes.subarray(0, least + Math.min(cut, bytes.length - least)) };
}

/** Whether one of these entries has its content there, in a line that is whole. */
function hasOneOf(bytes: Buffer, seqs: readonly number[]): boolean {
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  return lines.some((line) => seqs.includes(Number(/"seq":(\d+),(?:"as":"text",)?"salt"/.exec(line)?.[1])));
}

/** What is done to such a log; undefined where there is nothing to do it to. */
type Attack = (given: { log: SealedLog; erased: number[]; kept: number[] }, one: World) => SealedLog | undefined;

const put = (log: SealedLog, seq: number, bytes: Buffer | string): SealedLog => {
  entry(log, seq).bytes = Buffer.from(bytes);
  return log;
};

const ATTACKS: Readonly<Record<string, Attack>> = {
  'a record is erased, and nothing records it': ({ log, kept: [seq] }) => seq && erase(log, seq),
  'every record is erased': ({ log, kept }) => (kept.length > 0 ? erase(log, ...kept) : undefined),
  'a record is put back': ({ log, erased: [seq] }, one) => seq && put(log, seq, entry(logOf(one), seq).bytes),
  'another record stands in the place of an erased one': ({ log, erased: [seq], kept: [other] }) =>
    seq && other && put(log, seq, entry(log, other).bytes),
  'an erased line moves to another place': ({ log, erased: [seq], kept: [other] }) =>
    seq && other && put(log, other, entry(log, seq).bytes),
  'a record becomes the erased line of another one': ({ log, kept: [seq, other] }) =>
    seq && other && put(log, seq, erasedLine(entry(log, seq).bytes, commitOf(entry(log, other).bytes))),
  'an erased record gets another commitment': ({ log, erased: [seq] }) => {
    const text = seq === undefined ? '' : entry(log, seq).bytes.toString();
    return (
      seq &&
      put(
        log,
        seq,
        text.replace(/"commit":"./, (head) => `${head.slice(0, -1)}${head.endsWith('A') ? 'B' : 'A'}`),
      )
    );
  },
  'an erased line shows content': ({ log, erased: [seq] }) =>
    seq && put(log, seq, entry(log, seq).bytes.toString().replace('{', '{"made":"up",')),
  'an erased line is wrapped, or not, in another way': ({ log, erased: [seq] }) => {
    const text = seq === undefined ? '' : entry(log, seq).bytes.toString();
    const other = text.includes('"as":"text"')
      ? text.replace(',"as":"text"', '')
      : text.replace(',"commit"', ',"as":"text","commit"');
    return seq && put(log, seq, other);
  },
  'a control entry becomes an erased line': ({ log }) => {
    const seal = log.lines.findLast(({ kind }) => kind === 'seal');
    const seq = seal?.seq ?? 0;
    const record = entry(log, recordsOf(log)[0] ?? 0).bytes.toString();
    const end = /"key_id".*$/.exec(entry(log, seq).bytes.toString())?.[0] ?? '';
    const commit = /"commit":"[^"]*"/.exec(erasedLine(Buffer.from(record)).toString())?.[0] ?? '';
    return put(log, seq, `{"integrity":{"seq":${seq},${commit},${end}`);
  },
  'an erased line of another log stands there': ({ log, erased: [seq] }, one) =>
    seq && put(log, seq, entry(erase(logOf(one, '/other'), seq), seq).bytes),
  'a record stands before its own erased line': ({ log, kept: [seq] }) =>
    seq && insertAfter(log, seq, erasedLine(entry(log, seq).bytes)),
  'an erased line is left out': ({ log, erased: [seq] }) => {
    if (seq === undefined) return undefined;
    log.lines = log.lines.filter((line) => line.seq !== seq);
    return log;
  },
} as Readonly<Record<string, Attack>>;

describe('a log from which records were erased', () => {
  it('is ok where each is recorded, whatever was erased and in whatever mode (R2.1)', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (one) => {
        const { log, auditor, erased } = honest(one);
        const found = await judgeLog(log, auditor);
        expect(found.verdict, found.codes.join()).toBe(0);
        expect(found.codes.filter((code) => code.startsWith('ERASED '))).toHaveLength(erased.length);
      }),
      { numRuns: times(60, 1_000) },
    );
  }, 600_000);

  it('is ok beside copies of it exactly where they have nothing of what is recorded as erased (R2.2)', async () => {
    const tried = { ok: 0, undecided: 0 };
    await fc.assert(
      fc.asyncProperty(world, copies, async (one, made) => {
        const { log, auditor, erased } = honest(one);
        const all = [...made.map((copy, at) => copyOf(one, erased, copy, at)), ...log.toFiles()];
        const isHere = all.some(({ bytes }) => hasOneOf(bytes, erased));
        for (const files of [all, all.toReversed()]) {
          const { verdict, codes } = await judgeFiles(files, auditor);
          expect(verdict, codes.join()).toBe(isHere ? 2 : 0);
        }
        tried[isHere ? 'undecided' : 'ok']++;
      }),
      { numRuns: times(60, 1_000) },
    );
    expect(Math.min(tried.ok, tried.undecided)).toBeGreaterThan(times(6, 100));
  }, 600_000);

  it('and copies of it get one verdict in whatever order they come, also without an erasure log (M8.2)', async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(world, copies, async (one, made) => {
        const { log, auditor, erased } = honest(one);
        const { erasures: _none, ...alone } = auditor;
        const all = [...made.map((copy, at) => copyOf(one, erased, copy, at)), ...log.toFiles()];
        const first = await judgeFiles(all, alone);
        for (const files of [all.toReversed(), [...all.slice(1), ...all.slice(0, 1)]])
          expect((await judgeFiles(files, alone)).codes.toSorted()).toEqual(first.codes.toSorted());
        seen.add(first.verdict);
      }),
      { numRuns: times(60, 1_000) },
    );
    expect([...seen].sort()).toEqual([0, 2]);
  }, 600_000);

  it.each(Object.entries(ATTACKS))(
    '%s: never ok',
    async (_what, attack) => {
      let tried = 0;
      await fc.assert(
        fc.asyncProperty(world, async (one) => {
          const { log, auditor, erased, kept } = honest(one);
          const attacked = attack({ log, erased, kept }, one);
          if (attacked === undefined) return;
          tried++;
          const found = await judgeLog(attacked, auditor);
          expect(found.verdict, `${JSON.stringify(one)} ${found.codes.join()}`).not.toBe(0);
        }),
        { numRuns: times(40, 400) },
      );
      expect(tried).toBeGreaterThan(times(10, 100));
    },
    600_000,
  );
});
