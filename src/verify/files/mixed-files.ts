import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine } from '../../format/entry.ts';
import { tagOf } from '../../format/origin.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { besideNeighbours, withNeighbours } from '../found/rotated-files.ts';
import { FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import { firstEntry, type Peek, type PeekedSource } from '../input/peek.ts';
import type { LogSink } from '../input/unwrapping.ts';
import type { FindingCode, Place } from '../model/findings.ts';
import { compared, type FileInHand, LeftCopies } from './copies.ts';
import { contentOf, type FileContent } from './file-content.ts';

/** Files in which lines of several streams stand mixed, put in the order in which they were written (spec 8.2, M8.2). */

/** So many bytes of a file are looked through for the first entries of its streams, those of something else not counted. */
const PEEK_LIMIT = 16 * 1024 * 1024;
/** So many streams of a file count for its place. */
const TAG_LIMIT = 4096;

/** Collects the entries that may identify a stream. */
type OnOpen = (entry: Pick<Peek, 'tag' | 'origin'>) => void;

/** Is told of a file that is a copy of another one, and is not read; by the TAG of its first stream. */
type OnCopy = (tag: string, code: FindingCode, place: Place, message: string) => void;

/** Where a file stands in its streams. Nothing of it is trusted; it only orders the reading. */
interface Places {
  /** By TAG the seq of the first entry; where there is none, the place right behind the largest size that a checkpoint has. */
  readonly seqs: ReadonlyMap<string, number>;
  /** Of a file with entries, the TAGs of which it has checkpoints alone: they come any time after what they are about. */
  readonly late: ReadonlySet<string>;
}

const NAMED: Places = { seqs: new Map(), late: new Set() };

async function placesIn({ source }: PeekedSource, onOpen: OnOpen): Promise<Places> {
  const seqs = new Map<string, number>();
  const behind = new Map<string, number>();
  const sink: LogSink = {
    feed(bytes, start, end) {
      const line = bytes.subarray(start, bytes[end - 1] === 0x0d ? end - 1 : end);
      const read = classifyLine(line);
      if (read.type === 'checkpoint') {
        const checkpoint = read.note === undefined ? undefined : parseSignedCheckpoint(read.note);
        const tag = checkpoint === undefined ? '' : tagOf(checkpoint.origin);
        if (checkpoint !== undefined && (behind.has(tag) || behind.size < TAG_LIMIT))
          behind.set(tag, Math.max(checkpoint.size, behind.get(tag) ?? 0));
      } else if (read.type !== 'foreign') {
        if (read.type === 'control' && read.kind === 'open') {
          const open = firstEntry(line);
          if (open !== undefined) onOpen(open);
        }
        if (!seqs.has(read.tag) && seqs.size < TAG_LIMIT) seqs.set(read.tag, read.seq);
      }
      return undefined;
    },
    feedForeign: () => undefined,
    feedUnterminated: () => undefined,
  };
  let bytes = 0;
  const lines = new FileLines(sink);
  const splitter = lines.begin(source);
  try {
    for await (const chunk of source.read(() => undefined)) {
      bytes += chunk.length;
      await splitter.push(chunk);
      if (bytes - lines.besideBytes > PEEK_LIMIT) break;
    }
  } catch (error) {
    if (!(error instanceof LineTooLong || isGone(error))) throw error; // the reading itself reports it
  }
  const alone = [...behind].filter(([tag]) => !seqs.has(tag));
  const late = new Set(seqs.size === 0 ? [] : alone.map(([tag]) => tag));
  for (const [tag, size] of alone) seqs.set(tag, size + 0.5);
  return { seqs, late };
}

interface Mixed extends Places {
  readonly file: PeekedSource;
}

/** One reading of the files: in which order, and the lines of which streams. */
export interface Round {
  readonly files: readonly PeekedSource[];
  readonly isOf: (tag: string) => boolean;
}

/** All readings, one after another. */
export interface Rounds {
  readonly rounds: readonly Round[];
  /** Streams that no round reads: there are too many orders. */
  readonly isLeft: (tag: string) => boolean;
}

/** Collectors on several hosts may write streams into their files in orders that cross. The files are read at most this often. */
const MOST_ROUNDS = 16;

/** For each stream its files, by their first seq. */
function byStream(files: readonly Mixed[]): Map<string, Mixed[]> {
  const streams = new Map<string, Mixed[]>();
  for (const file of files) {
    for (const tag of file.seqs.keys()) {
      const same = streams.get(tag);
      if (same === undefined) streams.set(tag, [file]);
      else same.push(file);
    }
  }
  for (const [tag, same] of streams) same.sort((a, b) => seqIn(a, tag) - seqIn(b, tag));
  return streams;
}

const seqIn = ({ seqs }: Mixed, tag: string): number => seqs.get(tag) ?? 0;

/** The pairs of consecutive files of each stream; not two that begin with the same entry. Nothing has to follow a late checkpoint. */
function* inTurn(streams: ReadonlyMap<string, readonly Mixed[]>): Generator<readonly [string, Mixed, Mixed]> {
  for (const [tag, files] of streams) {
    let earlier: Mixed | undefined;
    for (const file of files) {
      if (earlier !== undefined && seqIn(earlier, tag) < seqIn(file, tag)) yield [tag, earlier, file];
      if (!file.late.has(tag)) earlier = file;
    }
  }
}

/** Each file after those that come before it in one of the streams, otherwise as given. */
function placeAll(files: readonly Mixed[], streams: ReadonlyMap<string, readonly Mixed[]>): Mixed[] {
  const before = new Map<Mixed, Mixed[]>(files.map((file) => [file, []]));
  for (const [, earlier, file] of inTurn(streams)) before.get(file)?.push(earlier);
  const placed = new Set<Mixed>();
  const begun = new Set<Mixed>();
  for (const start of files) {
    const stack = [start];
    for (let file = stack.at(-1); file !== undefined; file = stack.at(-1)) {
      const missing = begun.has(file)
        ? []
        : (before.get(file) ?? []).filter((one) => !begun.has(one) && !placed.has(one));
      begun.add(file);
      if (missing.length > 0) {
        stack.push(...missing.reverse());
        continue;
      }
      stack.pop();
      placed.add(file);
    }
  }
  return [...placed];
}

/** The streams whose files do not stand in their own order. */
function crossed(placed: readonly Mixed[], streams: ReadonlyMap<string, readonly Mixed[]>): Set<string> {
  const places = new Map(placed.map((file, at) => [file, at]));
  const isLater = (a: Mixed, b: Mixed): boolean => (places.get(a) ?? 0) > (places.get(b) ?? 0);
  return new Set([...inTurn(streams)].filter(([, earlier, file]) => isLater(earlier, file)).map(([tag]) => tag));
}

/** Every stream is read in the order of its own entries (M8.2): nearly always one order fits all. */
function roundsOf(files: readonly Mixed[]): Rounds {
  const rounds: Round[] = [];
  let streams = byStream(files);
  let isLeft: Rounds['isLeft'] = () => true; // also of streams that no place was found for
  for (;;) {
    let placed = placeAll(files, streams);
    let later = crossed(placed, streams);
    if (later.size > 0 && later.size === streams.size) {
      const [one, ...others] = streams.keys();
      later = new Set(others);
      placed = placeAll(files, new Map([...streams].filter(([tag]) => tag === one)));
    }
    const isHere = isLeft;
    rounds.push({ files: inPlace(placed), isOf: (tag) => isHere(tag) && !later.has(tag) });
    streams = new Map([...streams].filter(([tag]) => later.has(tag)));
    isLeft = (tag) => later.has(tag);
    if (later.size === 0 || rounds.length === MOST_ROUNDS) return { rounds, isLeft };
  }
}

/** One that cannot be read, and in which nothing was found, must not end the reading of those that can. */
function inPlace(placed: readonly Mixed[]): PeekedSource[] {
  const isJunk = ({ peek }: PeekedSource): boolean => peek.hidden?.code === 'UNREADABLE';
  const files = besideNeighbours(placed.map(({ file }) => file));
  return [...files.filter((file) => !isJunk(file)), ...files.filter(isJunk)];
}

/** Files of which none is a copy of another one (M8.2). Of two that differ both are read: each stream tells what contradicts it. */
async function distinct(files: readonly Mixed[], onCopy: OnCopy): Promise<Mixed[]> {
  const kept: Mixed[] = [];
  const left = new LeftCopies();
  const contents = new Map<Mixed, FileContent | undefined>();
  for (const file of files) {
    const [tag = '', seq] = file.seqs.entries().next().value ?? [];
    const isCopied = (one: Mixed): boolean => one.seqs.get(tag) === seq && one.seqs.keys().next().value === tag;
    const alike = tag === '' ? [] : kept.filter(isCopied);
    const inHand = async (one: Mixed): Promise<FileInHand | undefined> => {
      if (!contents.has(one)) contents.set(one, await contentOf(one.file.source));
      const content = contents.get(one);
      return content && { source: one.file.source, content };
    };
    let isLeft = false;
    for (const one of alike) {
      const [first, second] = [await inHand(one), await inHand(file)];
      if (first === undefined || second === undefined) continue;
      const pair = await compared(first, second);
      if (pair.how === 'different') continue;
      left.add(pair, seq, (code, place, message) => onCopy(tag, code, place, message));
      isLeft = pair.left === second;
      if (isLeft) break;
      kept.splice(kept.indexOf(one), 1);
    }
    if (!isLeft) kept.push(file);
  }
  await left.report();
  return kept;
}

/** The files in the order of their entries. What can be read only once stays where it was given, and no open of it is told. */
export async function orderMixedFiles(files: readonly PeekedSource[], onOpen: OnOpen, onCopy: OnCopy): Promise<Rounds> {
  if (files.some(({ source }) => !source.repeatable))
    return { rounds: [{ files, isOf: () => true }], isLeft: () => false };
  const mixed: Mixed[] = [];
  for (const file of withNeighbours(files, true)) {
    const places = file.neighbour === undefined ? await placesIn(file, onOpen) : NAMED; // its checkpoints may be old
    mixed.push({ file, ...places });
  }
  return roundsOf(await distinct(mixed, onCopy));
}
