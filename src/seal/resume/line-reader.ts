import { readSync } from 'node:fs';

const CHUNK = 1_048_576;
const LF = 0x0a;

/** An entry line is at most so long on disk: a wrapped line of `max_line_bytes`, every byte escaped. */
export const LINE_LIMIT = 16_777_216;

/** A line of a file without its LF, or other bytes of it, and where it begins. */
export interface FileLine {
  readonly bytes: Buffer;
  readonly offset: number;
}

/**
 * The whole lines of an open file from `offset` on, one after the other. What follows the last LF is no line, nor is anything from a
 * line of more than `longest` bytes on, so that a hole in a file takes no memory.
 */
export function* readLines(
  fd: number,
  offset: number,
  longest: number = Number.POSITIVE_INFINITY,
): Generator<FileLine> {
  let begun: Buffer[] = []; // pieces of a line whose end has not been read
  let begin = offset; // where that line, or the next one, begins
  let end = offset;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const count = readSync(fd, chunk, 0, CHUNK, end);
    if (count === 0) return;
    const bytes = chunk.subarray(0, count);
    let at = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, at)) {
      const last = bytes.subarray(at, lf);
      yield { bytes: begun.length === 0 ? last : Buffer.concat([...begun, last]), offset: begin };
      begun = [];
      at = lf + 1;
      begin = end + at;
    }
    if (at < count) begun.push(bytes.subarray(at));
    end += count;
    if (end - begin > longest) return;
  }
}

/** Where the last whole line of a file ends: behind its LF. 0 if there is none in the last `limit` bytes before `end`. */
export function endOfLines(fd: number, end: number, limit: number): number {
  const { bytes, offset } = bytesBefore(fd, end, limit);
  const lf = bytes.lastIndexOf(LF);
  return lf < 0 ? 0 : offset + lf + 1;
}

/** The whole line that ends right before `end`, without its LF, or undefined where none ends there. */
export function readLineBefore(fd: number, end: number, limit: number): FileLine | undefined {
  const { bytes, offset } = bytesBefore(fd, end, limit);
  if (offset + bytes.length < end || bytes[bytes.length - 1] !== LF) return undefined;
  const before = bytes.lastIndexOf(LF, bytes.length - 2);
  if (before < 0 && offset > 0) return undefined;
  return { bytes: bytes.subarray(before + 1, bytes.length - 1), offset: offset + before + 1 };
}

/** The last `limit` bytes before `end`; less if the file ends before that. */
function bytesBefore(fd: number, end: number, limit: number): FileLine {
  const offset = Math.max(0, end - limit);
  const bytes = Buffer.allocUnsafe(end - offset);
  let read = 0;
  while (read < bytes.length) {
    const count = readSync(fd, bytes, read, bytes.length - read, offset + read);
    if (count === 0) break;
    read += count;
  }
  return { bytes: bytes.subarray(0, read), offset };
}
