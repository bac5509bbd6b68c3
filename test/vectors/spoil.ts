import type { LogLine, SealedLog } from '../support/sealed-log.ts';

/** What somebody without a key can do to a file. Each works on the lines in place and gives the log back. */

function at(log: SealedLog, seq: number): number {
  const index = log.lines.findIndex((line) => line.seq === seq);
  if (index < 0) throw new Error(`no entry ${seq}`);
  return index;
}

export function entry(log: SealedLog, seq: number): LogLine {
  return log.lines[at(log, seq)] as LogLine;
}

export function edit(log: SealedLog, seq: number, from: string, to: string): SealedLog {
  const line = entry(log, seq);
  const text = line.bytes.toString('utf8');
  if (!text.includes(from)) throw new Error(`entry ${seq} does not hold ${from}`);
  line.bytes = Buffer.from(text.replace(from, to), 'utf8');
  return log;
}

export function drop(log: SealedLog, ...seqs: number[]): SealedLog {
  log.lines = log.lines.filter((line) => line.seq === undefined || !seqs.includes(line.seq));
  return log;
}

export function swap(log: SealedLog, one: number, other: number): SealedLog {
  const [a, b] = [entry(log, one), entry(log, other)];
  [a.bytes, b.bytes] = [b.bytes, a.bytes];
  return log;
}

/** Puts a line directly after an entry. */
export function insertAfter(log: SealedLog, seq: number, bytes: Buffer | string): SealedLog {
  const { file } = entry(log, seq);
  log.lines.splice(at(log, seq) + 1, 0, { file, bytes: Buffer.from(bytes), kind: 'raw' });
  return log;
}

/** Cuts everything after an entry, and the checkpoint lines that stand directly after it unless told otherwise. */
export function cutAfter(log: SealedLog, seq: number, checkpointsToo = true): SealedLog {
  let keep = at(log, seq) + 1;
  if (!checkpointsToo) while (log.lines[keep]?.kind === 'checkpoint') keep++;
  log.lines = log.lines.slice(0, keep);
  return log;
}

/** Removes checkpoint lines, by their number in the file from 0. */
export function dropCheckpoints(log: SealedLog, which: (number: number) => boolean = () => true): SealedLog {
  let number = 0;
  log.lines = log.lines.filter((line) => line.kind !== 'checkpoint' || !which(number++));
  return log;
}
