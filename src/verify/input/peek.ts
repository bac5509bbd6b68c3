import { parseConverted, parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type OpenEntry, readControl } from '../../format/control.ts';
import { classifyLine } from '../../format/entry.ts';
import { areJoinedLines, hasOurIntegrity, noteOfLine, tracesIn } from '../../format/foreign-line.ts';
import { tagOf } from '../../format/origin.ts';
import { FileLines } from './file-lines.ts';
import { LineTooLong, MARK } from './line-splitter.ts';
import type { SourceProblem } from './source-problem.ts';
import type { Source } from './sources.ts';
import type { LogSink } from './unwrapping.ts';

/** What the first entry of a file says of its place. Nothing of it is trusted; it only orders the reading (spec 8.2). */
export interface Peek {
  /** Whether the file has any byte. */
  readonly empty: boolean;
  /** All that it has are empty lines, which say nothing (M1.7). */
  readonly blank?: true;
  readonly tag: string | undefined;
  readonly seq: number | undefined;
  /** The origin that an open claims. */
  readonly origin: string | undefined;
  /** Of a file without entries: the origin of its first checkpoint, and the largest size that one has. */
  readonly noted?: { readonly origin: string; readonly size: number };
  /** Of an empty file of a fleet: the stream of the manifest beside it. */
  readonly owner?: string;
  /** Of a manifest whose file is not here: what it says of the file. */
  readonly missing?: MissingFile;
  /** Of a file without entries: what keeps those from being read that it may hold. */
  readonly hidden?: Hidden;
  /** The stream and the size that a first open says it goes on from. */
  readonly after?: OpenEntry['after'];
  /** Why a first open stands there, and since when, by the writer's clock. */
  readonly open?: Pick<OpenEntry, 'why' | 'time'>;
}

/** A file that only its manifest tells of. */
export interface MissingFile {
  readonly origin: string;
  /** The file's first and last entry. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** The stream before its first entry: its own, or the one that it goes on from. */
  readonly after?: string | undefined;
}

/** Why nobody knows which entries a file holds (M8.5). */
export interface Hidden {
  readonly code: 'UNREADABLE' | 'RESERIALIZED' | 'LIMIT';
  /** For people: what is the matter with this file. */
  readonly message: string;
  /** It could not even be opened, or found under its name: its reading would end that of all others. */
  readonly unopened?: true;
  /** It has to be unpacked first. */
  readonly packed?: boolean;
  /** Its lines are not all ours; they only mention us. */
  readonly mentions?: true;
}

const DAMAGED: Hidden = { code: 'UNREADABLE', message: 'the compressed data of this file is damaged' };
const REWRITTEN: Hidden = {
  code: 'RESERIALIZED',
  message:
    'the lines of this file were parsed and rewritten by some tool; the bytes are no longer those that were sealed',
};
/** Of a file in which no line is ours, and some name our member. */
export const MENTIONING: Hidden = {
  code: 'RESERIALIZED',
  message:
    'no line is as it was sealed, but some mention "integrity": a tool may have rewritten the log on other lines, or in UTF-16',
  mentions: true,
};

/** A file with what its first entry says. */
export interface PeekedSource {
  readonly source: Source;
  readonly peek: Peek;
  /** Whether a directory alone speaks for it: where it is deleted before it is read, it might never have been listed. */
  readonly listed?: boolean;
  /** Of a carrier's file in which, but for pieces of lines, nothing says where it belongs: whether one of them shows by itself that it was sealed. */
  readonly pieces?: 'sealed' | 'unknown';
  /** Of such a file: the name of the one beside which it was written. */
  readonly neighbour?: { readonly name: string; readonly side: 'before' | 'behind' };
}

const LF = 0x0a;
const CR = 0x0d;
/** So many bytes are looked through for a first entry, those of something else beside the log not counted. */
const PEEK_LIMIT = 20 * 1024 * 1024;

/** Whose entries are looked for. */
export interface Wanted {
  /** Of the streams that are known by name. */
  readonly tags: ReadonlySet<string>;
  /** Whether a pattern names the stream that an open claims to be of. */
  readonly covers?: (origin: string) => boolean;
}

const NOBODY: Wanted = { tags: new Set() };

/** Looks at one line after another until it has seen what is wanted; any first entry, where nothing is. */
class Peeking {
  readonly #wanted: Wanted;
  readonly #any: boolean;
  #found: Omit<Peek, 'empty'> | undefined;
  #noted: Peek['noted'];
  /** Whether every line so far but checkpoints is ours and not as it was sealed; undefined before the first one. */
  #rewritten: boolean | undefined;
  #mentions = false;
  /** Whether a line that is none of ours has the TAG of a stream that is wanted. */
  #isOurs = false;
  #isBlank = true;
  /** The seq of each stream's first entry: an open behind it may say that it is the one that is wanted (M8.2). */
  readonly #firsts = new Map<string, number>();
  done = false;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
    this.#any = wanted.tags.size === 0 && wanted.covers === undefined;
  }

  look(line: Buffer): void {
    if (line.length === 0 || (line.length === 1 && line[0] === CR)) return; // M1.7
    this.#isBlank = false;
    const entry = firstEntry(line);
    if (entry === undefined) {
      if (this.#found !== undefined) return;
      if (this.#note(line)) return;
      this.#rewritten = this.#rewritten !== false && hasOurIntegrity(line);
      const { mention, tag } = tracesIn(line);
      this.#mentions ||= mention;
      this.#isOurs ||= tag !== undefined && (this.#wanted.tags.has(tag) || this.#wanted.covers !== undefined);
      return;
    }
    const { tag = '', seq = 0 } = entry;
    const first = this.#firsts.get(tag) ?? seq;
    this.#firsts.set(tag, first);
    const isWanted = this.#any || this.#isWanted(entry);
    if (isWanted || this.#found === undefined) this.#found = { ...entry, seq: first };
    this.done = isWanted;
  }

  /** @param more - there is something that is no line, or was not looked at */
  result(empty: boolean, more: boolean): Peek {
    if (this.#found !== undefined) return { empty, ...this.#found };
    const nothing = { empty, tag: undefined, seq: undefined, origin: undefined };
    return {
      ...nothing,
      ...(!more && !empty && this.#isBlank && { blank: true }),
      ...(this.#noted && { noted: this.#noted }),
      ...(this.#hidden && { hidden: this.#hidden }),
    };
  }

  get #hidden(): Hidden | undefined {
    if (this.#rewritten === true || (this.#mentions && this.#isOurs)) return REWRITTEN;
    return this.#mentions ? MENTIONING : undefined;
  }

  /** Takes note of a checkpoint. @returns whether the line is of a form of ours */
  #note(line: Buffer): boolean {
    const trimmed = line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line;
    const read = classifyLine(trimmed);
    const checkpoint =
      read.type !== 'checkpoint'
        ? undefined
        : (parseSignedCheckpoint(read.note ?? '') ?? parseConverted(noteOfLine(trimmed)));
    if (checkpoint !== undefined) {
      const { origin, size } = this.#noted ?? checkpoint;
      this.#noted = { origin, size: Math.max(size, checkpoint.size) };
    }
    return read.type !== 'foreign';
  }

  #isWanted({ tag, origin }: Omit<Peek, 'empty'>): boolean {
    const { tags, covers } = this.#wanted;
    if (tag !== undefined && tags.has(tag)) return true;
    return origin !== undefined && covers?.(origin) === true && tagOf(origin) === tag;
  }
}

/**
 * Looks for the first entry of a file; where streams are wanted, for the first entry of one of them: a line of another stream
 * at its beginning does not make it that stream's file.
 */
export async function peek(source: Source, wanted: Wanted = NOBODY): Promise<Peek> {
  const peeking = new Peeking(wanted);
  const sink: LogSink = {
    feed(bytes, start, end) {
      if (!peeking.done) peeking.look(bytes.subarray(start, end));
      return undefined;
    },
    feedForeign: () => {
      found.more = true;
      return undefined;
    },
    feedUnterminated: () => {
      found.more = true;
    },
  };
  let bytes = 0;
  const lines = new FileLines(sink);
  const splitter = lines.begin(source);
  const found: { hidden?: Hidden; more: boolean } = { more: false };
  const onProblem = (problem: SourceProblem, message: string, packed = false): void => {
    found.hidden = problem === 'UNREADABLE' ? { code: problem, message, packed } : DAMAGED; // the reading itself reports it
  };
  try {
    for await (const chunk of source.read(onProblem)) {
      bytes += chunk.length;
      await splitter.push(chunk);
      if (!peeking.done && bytes - lines.besideBytes <= PEEK_LIMIT) continue;
      found.more = true;
      break;
    }
    if (!found.more) await lines.end(splitter, undefined);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error; // the reading itself reports it
    found.hidden ??= { code: 'LIMIT', message: `${error.message}; nothing from here on can be decided` };
  }
  const result = peeking.result(bytes === 0 && found.hidden === undefined, found.more || found.hidden !== undefined);
  return found.hidden !== undefined && result.seq === undefined ? { ...result, hidden: found.hidden } : result;
}

/** The same of a plain file whose bytes are all at hand. */
export function peekWhole(bytes: Buffer, wanted: Wanted = NOBODY): Peek {
  const peeking = new Peeking(wanted);
  let from = MARK.equals(bytes.subarray(0, MARK.length)) ? MARK.length : 0;
  for (let lf = bytes.indexOf(LF); lf >= 0 && !peeking.done; lf = bytes.indexOf(LF, from)) {
    peeking.look(bytes.subarray(from, lf));
    from = lf + 1;
  }
  const isJoined = from < bytes.length && bytes.indexOf(LF) < 0 && areJoinedLines(bytes);
  if (isJoined) peeking.look(bytes.subarray(from));
  return peeking.result(bytes.length === 0, from < bytes.length && !isJoined);
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
  const { origin, after, why, time } = reading.entry;
  return { seq, tag, origin, ...(after && { after }), open: { why, time } };
}
