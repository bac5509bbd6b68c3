import { systemCode } from '../../errors.ts';
import { classifyLine, decodeUtf8, isJson } from '../../format/entry.ts';
import { LineSplitter, LineTooLong } from './line-splitter.ts';
import type { Source } from './sources.ts';
import { type LogSink, Unwrapping } from './unwrapping.ts';

/** So many bytes are looked through for a first line: more than the longest has. Those of something else beside the log do not count. */
const LOOK_LIMIT = 20 * 1024 * 1024;
const OPENING = 0x7b;

/**
 * Whether a carrier's file begins inside the line that has `begun` in the one before it: a carrier changes files where it likes,
 * also between two pieces. Every sealed line is a JSON object, and the end of one is none; an empty line ends what stands before
 * it, if that is whole. Nothing of this is trusted: put together wrongly, a line is none that was sealed.
 */
export async function beginsInsideLine(source: Source, begun: Buffer): Promise<boolean> {
  const { carrier, repeatable } = source;
  if (carrier === undefined || !repeatable) return false;
  let inside: boolean | undefined;
  const sink: LogSink = {
    feed(bytes, start, end) {
      inside ??= start === end ? isWhole(begun) : !isWhole(bytes.subarray(start, end));
      return undefined;
    },
    feedForeign: () => undefined,
    feedUnterminated: () => undefined,
  };
  let bytes = 0;
  const unwrapping = new Unwrapping(carrier, sink);
  const splitter = new LineSplitter(unwrapping);
  try {
    for await (const chunk of source.read(() => undefined)) {
      bytes += chunk.length;
      await splitter.push(chunk);
      if (inside !== undefined || bytes - unwrapping.besideBytes > LOOK_LIMIT) break;
    }
  } catch (error) {
    if (!(error instanceof LineTooLong) && systemCode(error) === '') throw error; // the reading itself reports it
    return inside ?? false;
  }
  return inside ?? unwrapping.unfinished;
}

/**
 * Whether a carrier's file holds pieces of lines, the end of one that began before it or the beginning of another, and no whole
 * line that says where it belongs: an empty one does not, nor does a checkpoint, which is written when it is there.
 */
export async function holdsPiecesAlone(source: Source): Promise<boolean> {
  if (source.carrier === undefined || !source.repeatable) return false;
  const seen = { ends: 0, whole: false };
  const sink: LogSink = {
    feed(bytes, start, end) {
      const line = bytes.subarray(start, end);
      if (line.length === 0 || classifyLine(line).type === 'checkpoint') return undefined;
      seen.whole ||= ++seen.ends > 1 || isWhole(line);
      return undefined;
    },
    feedForeign() {
      seen.whole = true;
      return undefined;
    },
    feedUnterminated: () => undefined,
  };
  const unwrapping = new Unwrapping(source.carrier, sink);
  const splitter = new LineSplitter(unwrapping);
  try {
    for await (const chunk of source.read(() => undefined)) {
      await splitter.push(chunk);
      if (seen.whole) return false;
    }
  } catch (error) {
    if (!(error instanceof LineTooLong) && systemCode(error) === '') throw error; // the reading itself reports it
    return false;
  }
  return seen.ends > 0 || unwrapping.unfinished || !splitter.atLineStart;
}

function isWhole(line: Buffer): boolean {
  if (line[0] !== OPENING) return false;
  const text = decodeUtf8(line);
  return text !== undefined && isJson(text);
}
