import { basename } from 'node:path';
import type { FindingCode, VerifyReport } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { rootOf } from '../support/proof.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../vectors/keys.ts';
import { alone, type History } from './history.ts';
import { placedLines } from './truth.ts';

/** Somebody who has every key writes a log that breaks one rule in one entry: what is said of that, and where? */

interface Writing {
  readonly random: Random;
  readonly log: SealedLog;
  readonly keys: EpochKeys;
  /** Of the next run or key period, with all that the mode has. */
  readonly next: EpochKeys;
}

/** Writes the entry. @returns what is said of it, of which seq, and what may follow: the same again, or more */
type Lie = (writing: Writing) => readonly [code: FindingCode, seq: number, ...follow: FindingCode[]];

const ORIGIN = 'audit.example.com/lies';
const off = (random: Random, value: number): number => value + random.pick(value > 0 ? [1, -1, 7] : [1, 7]);

const sealed = ({ log }: Writing): void => {
  log.seal().checkpoint();
};

const next = ({ log }: Writing): number => log.size + 1;

const SEALS: readonly Lie[] = [
  (writing) => {
    const { log, random } = writing;
    const seq = next(writing);
    log.seal({ step: off(random, log.step) }).checkpoint();
    return ['STEP_WRONG', seq];
  },
  (writing) => {
    const { log, random } = writing;
    sealed(writing);
    const records = random.int(3);
    for (let n = 0; n < records; n++) log.record(`{"n":${n}}`);
    const seq = next(writing);
    log.seal({ records: off(random, records) }).checkpoint();
    return ['COUNT_WRONG', seq];
  },
  (writing) => {
    const { log, random } = writing;
    sealed(writing);
    const dropped = random.int(3);
    log.gap(dropped);
    const seq = next(writing);
    log.seal({ dropped: off(random, dropped) }).checkpoint();
    return ['COUNT_WRONG', seq];
  },
  (writing) => {
    const { log } = writing;
    sealed(writing);
    log.clock -= 30_000;
    const seq = next(writing);
    log.seal().checkpoint();
    return ['CLOCK_BACK', seq];
  },
  (writing) => {
    const { log } = writing;
    sealed(writing);
    log.clock += (450 + 60) * 1000; // and the second that an entry takes
    const seq = next(writing);
    log.seal().checkpoint();
    return ['CADENCE', seq];
  },
  (writing) => {
    const { log } = writing;
    sealed(writing);
    for (let n = 0; n <= 10; n++) log.record(`{"n":${n}}`);
    const seq = next(writing);
    log.seal().checkpoint();
    return ['CADENCE', seq];
  },
];

const CLOSES: readonly Lie[] = [
  (writing) => {
    const { log, random } = writing;
    sealed(writing);
    log.rotate('b.jsonl', {});
    const seq = log.size;
    for (let n = random.int(3); n > 0; n--) log.record(`{"n":${n}}`);
    log.close('rotated').checkpoint().rotate('c.jsonl');
    return ['OPEN_CONTRADICTS', seq];
  },
  (writing) => {
    const { log, random } = writing;
    log.close('rotated').checkpoint().rotate('b.jsonl');
    const records = 1 + random.int(3);
    for (let n = 0; n < records; n++) log.record(`{"n":${n}}`);
    const seq = next(writing);
    log.close('rotated', { records: off(random, records) }).checkpoint();
    log.rotate('c.jsonl');
    return ['COUNT_WRONG', seq, 'COUNT_WRONG'];
  },
  (writing) => {
    const { log } = writing;
    log.close('rotated').checkpoint().rotate('b.jsonl').record('{"n":1}');
    const seq = next(writing);
    log.close('rotated', { firstTime: undefined as never, lastTime: undefined as never }).checkpoint();
    log.rotate('c.jsonl');
    return ['COUNT_WRONG', seq];
  },
  (writing) => {
    const { log } = writing;
    log.close('rotated').checkpoint();
    const seq = next(writing);
    log.record('{"n":1}');
    return ['OPEN_MISSING', seq];
  },
  (writing) => {
    const { log, random } = writing;
    const seq = next(writing);
    log
      .close('rotated', { step: off(random, log.step) })
      .checkpoint()
      .rotate('b.jsonl');
    return ['STEP_WRONG', seq];
  },
];

type Says = Parameters<SealedLog['open']>[1];

/** An open that says otherwise than it is. */
const opened =
  (code: FindingCode, says: (writing: Writing) => NonNullable<Says>, closes?: 'shutdown' | 'rotated'): Lie =>
  (writing) => {
    const { log } = writing;
    sealed(writing);
    if (closes !== undefined) log.close(closes).checkpoint();
    const seq = next(writing);
    log.open(writing.next, says(writing)).seal().checkpoint();
    return [code, seq, code, 'ADOPTED_UNMARKED'];
  };

const OPENS: readonly Lie[] = [
  opened('OPEN_CONTRADICTS', ({ log, random }) => ({ size: off(random, log.size) })),
  opened('OPEN_CONTRADICTS', ({ log }) => ({ frontier: log.tree.subtrees.toReversed().slice(1) })),
  opened('OPEN_CONTRADICTS', ({ log }) => ({ frontier: [...log.tree.subtrees].fill(log.leaves[0] as never) })),
  opened('OPEN_CONTRADICTS', ({ random }) => ({ why: random.pick(['new', 'conflict', 'resumed'] as const) })),
  opened('OPEN_CONTRADICTS', ({ log, random }) => ({ epochSeq: off(random, log.size + 1) })),
  opened('OPEN_CONTRADICTS', ({ log }) => ({ checkpoint: { size: log.lastSeal.size, root: log.leaves[0] as never } })),
  opened('OPEN_CONTRADICTS', ({ log }) => ({ checkpoint: { size: 1, root: rootOf(log.leaves.slice(0, 1)) } })),
  opened('OPEN_CONTRADICTS', ({ log }) => ({
    after: { origin: 'audit.example.com/other', size: 3, root: log.leaves[0] as never },
  })),
  opened('STEP_WRONG', () => ({ step: 1 })),
  opened('EPOCH_REUSED', ({ log, random }) => ({ epoch: 1 + random.int(log.highestEpoch) })),
  opened('ORIGIN_WRONG', () => ({ origin: `${ORIGIN}x` })),
  (writing) => {
    const { log, keys } = writing;
    sealed(writing);
    const seq = next(writing);
    log.open(
      keys.dataKey !== undefined && keys.signers !== undefined ? { signers: keys.signers } : writing.next,
      keys.dataKey !== undefined && keys.signers !== undefined ? {} : { size: 0 },
    );
    log.seal().checkpoint();
    return [
      keys.dataKey !== undefined && keys.signers !== undefined ? 'MODE_CHANGE' : 'OPEN_CONTRADICTS',
      seq,
      'OPEN_CONTRADICTS',
    ];
  },
  (writing) => {
    const { log } = writing;
    sealed(writing);
    log.open(writing.next, {});
    const seq = next(writing);
    log.record('{"n":1}');
    return ['SEAL_MISSING', seq];
  },
  (writing) => {
    const { log } = writing;
    sealed(writing);
    log.open(writing.next, {});
    const seq = next(writing);
    log.rotate('b.jsonl');
    return ['SEAL_MISSING', seq, 'OPEN_CONTRADICTS'];
  },
  (writing) => {
    const { log } = writing;
    log.close('rotated').checkpoint();
    const seq = next(writing);
    log.rotate('b.jsonl', writing.random.pick([{ epochSeq: log.size + 1 }, { size: log.size - 1 }]));
    return ['OPEN_CONTRADICTS', seq, 'OPEN_CONTRADICTS'];
  },
];

const ROTATED: Lie = (writing) => {
  const { log } = writing;
  log.close('rotated').checkpoint();
  const seq = next(writing);
  log.rotate('b.jsonl', { step: log.step + 1 });
  return ['STEP_WRONG', seq];
};

const KEYS: readonly Lie[] = [
  (writing) => {
    const { log } = writing;
    log.key(writing.next);
    const seq = next(writing);
    log.record('{"n":1}');
    return ['SEAL_MISSING', seq, 'KEY_ID_WRONG'];
  },
  (writing) => {
    const { log } = writing;
    const seq = next(writing);
    log.key(writing.next, { next: 'AAAAAAAA.2' }).seal();
    return ['KEY_ID_WRONG', seq, 'KEY_ID_WRONG'];
  },
  (writing) => {
    const { log, random } = writing;
    const seq = next(writing);
    log.key(writing.next, { epoch: 1 + random.int(log.highestEpoch) }).seal();
    return ['EPOCH_REUSED', seq];
  },
  (writing) => {
    const { log } = writing;
    const seq = next(writing);
    log.seal({}, { kid: log.kid.replace(/\d+$/, (epoch) => `${Number(epoch) + 1}`) });
    return ['KEY_ID_WRONG', seq];
  },
  (writing) => {
    const { log, keys } = writing;
    const seq = next(writing);
    log.recordAs('{"n":1,', undefined, undefined, false, { member: keys.dataKey === undefined ? 'mac' : 'hash' });
    return ['MODE_WRONG', seq];
  },
  (writing) => {
    const { log } = writing;
    const seq = next(writing);
    log.controlText('seal', '"step":1,');
    return ['CONTROL_MALFORMED', seq];
  },
];

const CHECKPOINTS: readonly Lie[] = [
  (writing) => {
    const { log } = writing;
    log.seal().checkpoint({ root: log.leaves[0] as never });
    return ['ROOT_MISMATCH', 0];
  },
  (writing) => {
    const { log } = writing;
    log.seal().checkpoint({ origin: `${ORIGIN}x` });
    return ['ORIGIN_WRONG', 0];
  },
];

/** An entry that only a later version knows, perhaps the first one that is here. */
const LATER: readonly Lie[] = [
  (writing) => {
    const { log, random } = writing;
    const seq = next(writing);
    log.controlText('later', '');
    if (random.chance(0.5)) return ['UNSUPPORTED', seq];
    log.lines = log.lines.slice(-1);
    return ['UNSUPPORTED', seq, 'START_UNPROVEN', 'END_UNPROVEN'];
  },
];

const LIES = { SEALS, CLOSES, OPENS: [...OPENS, ROTATED], KEYS, CHECKPOINTS, LATER };

export interface Lied extends History {
  readonly code: FindingCode;
  /** 0: a checkpoint line has none. */
  readonly seq: number;
  readonly follow: readonly FindingCode[];
}

/** A log with one lie, or with none where it says nothing else. */
export function makeLie(random: Random): Lied {
  const mode = random.pick(['mac', 'hash', 'both'] as const);
  const keysOf = (data: Buffer, signer: typeof edKey): EpochKeys => ({
    ...(mode !== 'hash' && { dataKey: data }),
    ...(mode !== 'mac' && { signers: [signer] }),
  });
  const keys = keysOf(dataKey, edKey);
  const writing: Writing = { random, log: new SealedLog(ORIGIN), keys, next: keysOf(nextDataKey, nextEdKey) };
  const { log } = writing;
  log.file = 'a.jsonl';
  log.every = { records: 10, seconds: 60, idleSeconds: 300 };
  log.open(keys, {}).seal().checkpoint();
  const fill = (): void => {
    for (let n = random.int(4); n > 0; n--) log.record(`{"n":${n}}`);
    if (random.chance(0.5)) sealed(writing);
  };
  fill();
  if (random.chance(0.3)) log.close('rotated').checkpoint().rotate('a2.jsonl');
  fill();
  sealed(writing);
  const kind = random.pick(Object.keys(LIES) as (keyof typeof LIES)[]);
  const at = random.int(LIES[kind].length);
  const [code, seq, ...follow] = (LIES[kind][at] as Lie)(writing);
  if (random.chance(0.5)) fill();
  sealed(writing);
  log.close().checkpoint();
  return {
    ...alone(log, mode, mode === 'mac' ? [] : [edKey, nextEdKey], mode === 'hash' ? [] : [dataKey, nextDataKey]),
    what: [`${mode} ${kind} ${at}`],
    code,
    seq,
    follow,
  };
}

/** What is said otherwise than it is. */
export function lieViolations({ code, seq, follow, files }: Lied, { streams, verdict }: VerifyReport): string[] {
  const findings = streams.flatMap((stream) => stream.findings);
  const own = findings.filter((one) => one.code === code);
  const one = seq === 0 ? own[0] : own.find((finding) => finding.seq === seq);
  const all = findings.map((finding) => `${finding.code} ${finding.seq}`);
  if (one === undefined) return [`no ${code} ${seq}, but ${all}`];
  const says: string[] = [];
  const isWarning = one.severity === 'warning';
  if (isWarning ? verdict !== 'ok' : verdict !== one.severity) says.push(`${verdict}: ${all}`);
  if (own.length > 1 && !follow.includes(code)) says.push(`${code} ${own.length} times`);
  const line = placedLines(files).find(
    (placed) => placed.file === basename(one.file ?? '') && placed.line === one.line,
  );
  if (line?.offset !== one.offset) says.push(`${code} at ${one.offset}, line ${one.line} is at ${line?.offset}`);
  if (seq > 0 && code !== 'ENTRIES_MISSING' && line?.member?.seq !== seq)
    says.push(`${code} ${seq} at a line of ${line?.member?.seq}`);
  // what the lie makes wrong of itself is not told as well
  const others = findings.filter(
    (finding) =>
      finding.severity === one.severity && finding.code !== code && !follow.includes(finding.code) && !isWarning,
  );
  if (others.length > 0) says.push(`${code}, and ${[...new Set(others.map((finding) => finding.code))]}`);
  return says;
}
