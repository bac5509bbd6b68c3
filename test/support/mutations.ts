import { expect } from 'vitest';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';
import { type Brings, type Judgement, judge, memorySource } from './judge.ts';
import { type EpochKeys, type LogLine, SealedLog } from './sealed-log.ts';

/** Logs that hold every kind of line, and every small change of them. */

export interface Subject {
  readonly name: string;
  readonly log: SealedLog;
  readonly auditor: Brings;
}

function records(log: SealedLog): SealedLog {
  log.record('{"level":30,"msg":"an object"}', '{}', 'plain text', Buffer.from([0xff, 0x00, 0x41]));
  return log.longRecord(Buffer.from('a long line in parts'), 9);
}

function everyKind(first: EpochKeys, second: EpochKeys): SealedLog {
  const log = records(new SealedLog().open(first).seal().checkpoint()).seal().checkpoint();
  log.gap(2).record('after the gap').close('rotated').checkpoint().rotate('log.2.jsonl').record('next file');
  records(log.handOver(second)).close().checkpoint();
  log.open(second, { why: 'resumed' }).seal().checkpoint().record('second run').seal().checkpoint();
  return log.open(second).seal().checkpoint().record('third run').close().checkpoint();
}

/** One log for each mode, with every key in hand. */
export function subjects(): Subject[] {
  const data = [dataKey, nextDataKey, nextDataKey, nextDataKey];
  const named = [edKey, nextEdKey];
  const mac = everyKind({ dataKey }, { dataKey: nextDataKey });
  const hash = everyKind({ signers: [edKey] }, { signers: [nextEdKey] });
  const both = everyKind({ dataKey, signers: [edKey] }, { dataKey: nextDataKey, signers: [nextEdKey] });
  return [
    { name: 'mac', log: mac, auditor: brings(mac, { data }) },
    { name: 'hash', log: hash, auditor: brings(hash, { named }) },
    { name: 'both', log: both, auditor: brings(both, { data, named }) },
  ];
}

/** One changed log. `seq`: the entry that was changed; without it a checkpoint line was. */
export interface Mutation {
  readonly what: string;
  readonly lines: readonly LogLine[];
  readonly seq?: number;
  readonly cut?: boolean;
}

function flipped(lines: readonly LogLine[], at: number, bit: number): LogLine[] {
  const line = lines[at] as LogLine;
  const bytes = Buffer.from(line.bytes);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return lines.map((one, index) => (index === at ? { ...line, bytes } : one));
}

/** Single bits of every line, every `stride`-th one. */
export function* bitFlips({ log: { lines } }: Subject, stride: number, start = 0): Generator<Mutation> {
  let next = start;
  for (const [at, line] of lines.entries()) {
    const bits = line.bytes.length * 8;
    for (; next < bits; next += stride) {
      const what = `bit ${next} of line ${at + 1} (${line.kind})`;
      yield { what, lines: flipped(lines, at, next), ...(line.seq !== undefined && { seq: line.seq }) };
    }
    next -= bits;
  }
}

/** Drops, duplicates, swaps and cuts of entries. `far`: also with entries that are not neighbours. */
export function* moves({ log: { lines } }: Subject, far: boolean): Generator<Mutation> {
  const entries = [...lines.entries()].filter(([, line]) => line.seq !== undefined);
  for (const [number, [at, line]] of entries.entries()) {
    const seq = line.seq as number;
    yield {
      what: `entry ${seq} dropped`,
      lines: lines.filter((one) => one !== line),
      seq,
      cut: number === entries.length - 1,
    };
    const targets = far ? entries : entries.slice(number, number + 2);
    for (const [other, target] of targets) {
      if (other < at) continue;
      yield {
        what: `entry ${seq} again after ${target.seq}`,
        lines: lines.toSpliced(other + 1, 0, { ...line, file: target.file }),
        seq,
      };
      if (target === line) continue;
      const swapped = lines.map((one) =>
        one === line ? { ...target, file: line.file } : one === target ? { ...line, file: target.file } : one,
      );
      yield { what: `entries ${seq} and ${target.seq} swapped`, lines: swapped, seq };
    }
    yield { what: `cut before entry ${seq}`, lines: lines.slice(0, at), seq: seq - 1, cut: true };
  }
}

async function judgeLines(lines: readonly LogLine[], auditor: Brings): Promise<Judgement> {
  const files = new Map<string, Buffer[]>();
  for (const { file, bytes } of lines) files.set(file, [...(files.get(file) ?? []), bytes, Buffer.from('\n')]);
  return judge(
    [...files].map(([name, parts]) => memorySource(name, Buffer.concat(parts))),
    auditor,
  );
}

/** Fails unless the change is found at its entry, or is one of a checkpoint line and leaves the report as it was. */
export async function expectFound(subject: Subject, untouched: Judgement, mutation: Mutation): Promise<void> {
  const held = mutation.cut === true ? { held: [subject.log.note()] } : {};
  const found = await judgeLines(mutation.lines, { ...subject.auditor, ...held });
  const context = `${subject.name}: ${mutation.what}: ${found.codes.join(', ')}`;
  const { seq } = mutation;
  if (seq === undefined) {
    if (found.verdict === 0) expect(found.codes, context).toEqual(untouched.codes);
    return;
  }
  // M8.5: files of a held stream that were emptied
  if (mutation.lines.length === 0) return expect(found.verdict, context).toBe(mutation.cut === true ? 1 : 2);
  expect(found.verdict, context).not.toBe(0);
  if (mutation.cut === true) return;
  // a format of a later version, a range without its first entry, or a file without its first or last is undecided
  const undecided = found.findings.some(
    ({ code }) => code === 'UNSUPPORTED' || code === 'START_UNPROVEN' || code === 'FILES_MISSING',
  );
  if (!undecided) expect(found.verdict, context).toBe(1);
  const first = seq === 1 ? 2 : seq; // without entry 1 the range begins with entry 2
  const there = found.findings.some(({ code, severity, seq: from, lastSeq }) => {
    if (from === undefined || severity === 'warning') return false;
    if (code === 'END_UNPROVEN' && seq === subject.log.size) return true; // the last entry claims another place
    return from <= first && (lastSeq ?? from) >= seq;
  });
  expect(there, context).toBe(true);
}

/** The report on an untouched subject, which must be ok. */
export async function untouchedReport({ log, auditor, name }: Subject): Promise<Judgement> {
  const found = await judgeLines(log.lines, auditor);
  expect(found.verdict, `${name}: ${found.codes.join(', ')}`).toBe(0);
  return found;
}
