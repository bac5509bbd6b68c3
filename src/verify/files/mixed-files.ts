import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine } from '../../format/entry.ts';
import { tagOf } from '../../format/origin.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { besideNeighbours } from '../found/rotated-files.ts';
import { FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import { firstEntry, type Peek, type PeekedSource } from '../input/peek.ts';
import type { LogSink } from '../input/unwrapping.ts';
import type { FindingCode, Place } from '../model/findings.ts';
import { compared, type FileInHand, reportCopy } from './copies.ts';
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

/**
 * The seq of the first entry of each stream, by TAG; where there is none, the place right behind the largest size that a
 * checkpoint of it has. Nothing of it is trusted; it only orders the reading.
 */
async function firstSeqs({ source }: PeekedSource, onOpen: OnOpen): Promise<Map<string, number>> {
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
  for (const [tag, size] of behind) if (!seqs.has(tag)) seqs.set(tag, size + 0.5);
  return seqs;
}

interface Mixed {
  readonly file: PeekedSource;
  readonly seqs: ReadonlyMap<string, number>;
  /** Files that come before it: for each of its streams the one with the next lower seq. */
  readonly before: Mixed[];
  state: 'new' | 'open' | 'placed';
}

/** For each stream its files by their first seq: each after the one before. */
function link(files: readonly Mixed[]): void {
  const byTag = new Map<string, Mixed[]>();
  for (const file of files) {
    for (const tag of file.seqs.keys()) {
      const same = byTag.get(tag);
      if (same === undefined) byTag.set(tag, [file]);
      else same.push(file);
    }
  }
  for (const [tag, same] of byTag) {
    const seqOf = (file: Mixed): number => file.seqs.get(tag) ?? 0;
    same.sort((a, b) => seqOf(a) - seqOf(b));
    for (const [at, file] of same.entries()) {
      const earlier = same[at - 1];
      if (earlier !== undefined && seqOf(earlier) < seqOf(file)) file.before.push(earlier);
    }
  }
}

/** Each file after those that come before it, otherwise as given. Streams that contradict each other leave it as given. */
function placeAll(files: readonly Mixed[]): PeekedSource[] {
  const placed: PeekedSource[] = [];
  for (const start of files) {
    const stack = [start];
    for (let file = stack.at(-1); file !== undefined; file = stack.at(-1)) {
      const first = file.state === 'new' ? file.before.find(({ state }) => state === 'new') : undefined;
      if (file.state === 'new' && first !== undefined) {
        file.state = 'open';
        stack.push(...file.before.filter(({ state }) => state === 'new').reverse());
        continue;
      }
      stack.pop();
      if (file.state !== 'placed') placed.push(file.file);
      file.state = 'placed';
    }
  }
  return placed;
}

/** Files of which none is a copy of another one (M8.2). Of two that differ both are read: each stream tells what contradicts it. */
async function distinct(files: readonly Mixed[], onCopy: OnCopy): Promise<Mixed[]> {
  const kept: Mixed[] = [];
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
      reportCopy(pair, seq, (code, place, message) => onCopy(tag, code, place, message));
      isLeft = pair.left === second;
      if (isLeft) break;
      kept.splice(kept.indexOf(one), 1);
    }
    if (!isLeft) kept.push(file);
  }
  return kept;
}

/** The files in the order of their entries. What can be read only once stays where it was given, and no open of it is told. */
export async function orderMixedFiles(
  files: readonly PeekedSource[],
  onOpen: OnOpen,
  onCopy: OnCopy,
): Promise<PeekedSource[]> {
  if (files.some(({ source }) => !source.repeatable)) return [...files];
  const mixed: Mixed[] = [];
  for (const file of files) mixed.push({ file, seqs: await firstSeqs(file, onOpen), before: [], state: 'new' });
  const kept = await distinct(mixed, onCopy);
  link(kept);
  // one that cannot be read, and in which nothing was found, must not end the reading of those that can
  const isJunk = ({ peek }: PeekedSource): boolean => peek.hidden?.code === 'UNREADABLE';
  const placed = besideNeighbours(placeAll(kept));
  return [...placed.filter((file) => !isJunk(file)), ...placed.filter(isJunk)];
}
