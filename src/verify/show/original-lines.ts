import { readControl } from '../../format/control.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import { ErasedParts, LineJoiner, type OnPiece } from '../input/line-joiner.ts';
import type { Source } from '../input/sources.ts';
import type { IgnoredReport } from '../verdict/ignored-files.ts';
import { filesInOrder, type Places, type WalkedLine, type WalkProblem, walk } from './walk.ts';

/** The application's own lines, byte for byte, out of sealed files (spec 1, "From input to record"). */

/** Where to take lines from, and what receives them. */
export interface OriginalLinesOptions extends Places {
  /** What wrapped the lines on their way; absent where the files are as the writer wrote them. */
  readonly unwrap?: CarrierName;
  /** Receives the lines, piece by piece. */
  readonly onPiece: OnPiece;
  /** Called with what cannot be given back: `file`, and why. */
  readonly onProblem: WalkProblem;
}

/** Entries of one stream that a later open goes below. */
interface Abandoned {
  readonly from: number;
  readonly before: string;
}

/** How far one stream has come. */
interface Position {
  next: number;
  /** How many ranges it has left behind. */
  passed: number;
}

/** One value for each stream, whose lines have a TAG of their own (M1.6). */
class ByStream<T> {
  readonly #values = new Map<string, T>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  of(tag: string): T {
    const value = this.#values.get(tag) ?? this.#make();
    this.#values.set(tag, value);
    return value;
  }
}

/** Finds entries that a later open goes below, a copy ahead of its crashed host (spec 8, `ABANDONED`), and erased parts. */
async function lookThrough(files: readonly Source[], erased: ErasedParts): Promise<ByStream<Abandoned[]>> {
  const ranges = new ByStream<Abandoned[]>(() => []);
  const positions = new ByStream<Position>(() => ({ next: 0, passed: 0 }));
  const visit = ({ read, bytes, file, line }: WalkedLine): undefined => {
    if (read.type !== 'record' && read.type !== 'control') return undefined;
    const position = positions.of(read.tag);
    const goesBack = read.type === 'control' && read.kind === 'open' && read.seq < position.next;
    if (goesBack && startsRun(bytes, read)) ranges.of(read.tag).push({ from: read.seq, before: `${file}:${line}` });
    else if (read.seq < position.next) return undefined;
    position.next = read.seq + 1;
    if (read.type === 'record') erased.see(read);
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

/** Gives back the application's lines in their order; entries that a crash abandoned are left out. @returns what was left out */
export async function originalLines(options: OriginalLinesOptions): Promise<IgnoredReport> {
  const { onPiece, onProblem } = options;
  const { files: all, unopened, ignored, doubts } = await filesInOrder(options, options.unwrap);
  const files = all.filter((source) => !unopened.has(source));
  for (const [{ name }, message] of unopened) onProblem(name, message);
  for (const { file, message } of doubts) onProblem(file, message);
  const erased = new ErasedParts();
  const abandoned = files.every(({ repeatable }) => repeatable) ? await lookThrough(files, erased) : undefined;
  let reading = '-';
  const joiner = new LineJoiner(onPiece, (message) => onProblem(reading, message), erased);
  const positions = new ByStream<Position>(() => ({ next: 0, passed: 0 }));
  const visit = ({ read, bytes, file, line }: WalkedLine): Promise<void> | undefined => {
    reading = file;
    if (read.type === 'foreign') onProblem(file, `line ${line} was never sealed and is left out`);
    if (read.type !== 'record' && read.type !== 'control') return undefined;
    const position = positions.of(read.tag);
    const ranges = abandoned?.of(read.tag) ?? [];
    if (ranges[position.passed]?.before === `${file}:${line}`) position.passed++;
    else if (read.seq < position.next) return undefined;
    position.next = read.seq + 1;
    const left = ranges[position.passed];
    if (read.type === 'control' || (left !== undefined && read.seq >= left.from)) return undefined;
    return joiner.take(bytes, read);
  };
  await walk(files, visit, onProblem);
  await joiner.end();
  return ignored;
}
