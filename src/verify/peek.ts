import { type OpenEntry, readControl } from '../format/control.ts';
import { classifyLine } from '../format/entry.ts';
import { type LineSink, LineSplitter, LineTooLong } from './line-splitter.ts';
import type { Source } from './sources.ts';

/** What the first entry of a file says of its place. Nothing of it is trusted; it only orders the reading (spec 8.2). */
export interface Peek {
  /** Whether the file has any byte. */
  readonly empty: boolean;
  readonly tag: string | undefined;
  readonly seq: number | undefined;
  /** The origin that an open claims. */
  readonly origin: string | undefined;
  /** The stream and the size that a first open says it goes on from. */
  readonly after?: OpenEntry['after'];
}

const LF = 0x0a;
/** So many bytes are looked through for a first entry. */
const PEEK_LIMIT = 20 * 1024 * 1024;

/**
 * Looks for the first entry of a file; where tags are wanted, for the first entry with one of them: a line of another stream
 * at its beginning does not make it that stream's file.
 */
export async function peek(source: Source, wanted: ReadonlySet<string> = new Set()): Promise<Peek> {
  let found: Omit<Peek, 'empty'> | undefined;
  const looking = { done: false };
  const sink: LineSink = {
    feed(bytes, start, end) {
      if (looking.done) return undefined;
      const entry = firstEntry(bytes.subarray(start, end));
      if (entry === undefined) return undefined;
      const isWanted = entry.tag !== undefined && wanted.has(entry.tag);
      if (isWanted || found === undefined) found = entry;
      looking.done = isWanted || wanted.size === 0;
      return undefined;
    },
    feedUnterminated() {
      return undefined;
    },
  };
  const splitter = new LineSplitter(sink);
  let bytes = 0;
  let damaged = false;
  const onProblem = (): void => {
    damaged = true; // the reading itself reports it
  };
  try {
    for await (const chunk of source.read(onProblem)) {
      bytes += chunk.length;
      await splitter.push(chunk);
      if (looking.done || bytes > PEEK_LIMIT) break;
    }
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error; // the reading itself reports it
  }
  return { empty: bytes === 0 && !damaged, ...(found ?? { tag: undefined, seq: undefined, origin: undefined }) };
}

/** The same of a plain file whose bytes are all at hand. */
export function peekWhole(bytes: Buffer, wanted: ReadonlySet<string> = new Set()): Peek {
  let found: Omit<Peek, 'empty'> | undefined;
  for (let from = 0, lf = bytes.indexOf(LF); lf >= 0; from = lf + 1, lf = bytes.indexOf(LF, from)) {
    const entry = firstEntry(bytes.subarray(from, lf));
    if (entry === undefined) continue;
    const isWanted = entry.tag !== undefined && wanted.has(entry.tag);
    if (isWanted || wanted.size === 0) return { empty: false, ...entry };
    found ??= entry;
  }
  return { empty: bytes.length === 0, ...(found ?? { tag: undefined, seq: undefined, origin: undefined }) };
}

/** What a line says of its place, if it is an entry. */
export function firstEntry(line: Buffer): Omit<Peek, 'empty'> | undefined {
  const trimmed = line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line;
  const read = classifyLine(trimmed);
  if (read.type !== 'record' && read.type !== 'control') return undefined;
  const { seq, tag } = read;
  if (read.type === 'record' || read.kind !== 'open') return { seq, tag, origin: undefined };
  const reading = readControl(trimmed, seq, read.kind, `${tag}.${read.epoch}`, read.member);
  if (!('entry' in reading) || reading.entry.kind !== 'open') return { seq, tag, origin: undefined };
  const { origin, after } = reading.entry;
  return { seq, tag, origin, ...(after && { after }) };
}
