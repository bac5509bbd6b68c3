import type { Readable } from 'node:stream';
import { readControl } from '../format/control.ts';
import { unwrapRecord } from '../format/record.ts';
import type { Source } from './sources.ts';
import { filesInOrder, type WalkedLine, type WalkProblem, walk } from './walk.ts';

/** The application's own lines, byte for byte, out of sealed files (spec 1, "From input to record"). */

/** What to take lines from, and what not. */
export interface OriginalLinesOptions {
  readonly paths: readonly string[];
  /** The bytes behind the path `-`. */
  readonly input: Readable;
  /** Only entries up to this seq. Default: all. */
  readonly lastSeq?: number;
  /** Takes one line, without its LF. */
  readonly onLine: (line: Buffer) => Promise<void> | undefined;
  /** Told of what cannot be given back: `file`, and why. */
  readonly onProblem: WalkProblem;
}

/** Entries that a later open goes below: a copy ahead of its crashed host (spec 8, `ABANDONED`). */
async function abandonedRanges(files: readonly Source[]): Promise<{ from: number; before: string }[]> {
  const ranges: { from: number; before: string }[] = [];
  let next = 0;
  const visit = ({ read, bytes, file, line }: WalkedLine): undefined => {
    if (read.type !== 'record' && read.type !== 'control') return undefined;
    const goesBack = read.type === 'control' && read.kind === 'open' && read.seq < next;
    if (goesBack && startsRun(bytes, read)) ranges.push({ from: read.seq, before: `${file}:${line}` });
    else if (read.seq < next) return undefined;
    next = read.seq + 1;
    return undefined;
  };
  await walk(files, visit, () => undefined);
  return ranges;
}

function startsRun(bytes: Buffer, read: Extract<WalkedLine['read'], { type: 'control' }>): boolean {
  const reading = readControl(bytes, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  if (!('entry' in reading) || reading.entry.kind !== 'open') return false;
  return reading.entry.why === 'recovered' || reading.entry.why === 'resumed';
}

/** Gives back the application's lines in their order; entries that a crash abandoned are left out. */
export async function originalLines(options: OriginalLinesOptions): Promise<void> {
  const { onLine, onProblem, lastSeq = Number.MAX_SAFE_INTEGER } = options;
  const files = await filesInOrder(options.paths, options.input);
  const abandoned = files.every(({ repeatable }) => repeatable) ? await abandonedRanges(files) : [];
  let parts: Buffer[] = [];
  let next = 0;
  const visit = (walked: WalkedLine): Promise<void> | undefined => {
    const { read, bytes, file, line } = walked;
    if (read.type === 'foreign') onProblem(file, `line ${line} was never sealed and is left out`);
    if (read.type !== 'record' && read.type !== 'control') return undefined;
    if (abandoned[0]?.before === `${file}:${line}`) abandoned.shift();
    else if (read.seq < next) return undefined;
    next = read.seq + 1;
    if (
      read.type === 'control' ||
      read.seq > lastSeq ||
      (abandoned[0] !== undefined && read.seq >= abandoned[0].from)
    ) {
      return undefined;
    }
    const own = unwrapRecord(bytes, read);
    if (own === undefined) {
      onProblem(file, `line ${line} is not the wrapped form that it says`);
      return undefined;
    }
    if (read.part === undefined) return onLine(own);
    parts = read.part === 1 ? [Buffer.from(own)] : [...parts, Buffer.from(own)];
    return read.last ? onLine(Buffer.concat(parts)) : undefined;
  };
  await walk(files, visit, onProblem);
}
