import { readSync } from 'node:fs';

const CHUNK = 1_048_576;
const LF = 0x0a;

/** A line of a file without its LF, and where it begins. */
export interface FileLine {
  readonly bytes: Buffer;
  readonly offset: number;
}

/** The whole lines of an open file from `offset` on, one after the other. What follows the last LF is no line. */
export function* readLines(fd: number, offset: number): Generator<FileLine> {
  let kept = Buffer.alloc(0);
  let begin = offset; // file offset of kept[0]
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const count = readSync(fd, chunk, 0, CHUNK, begin + kept.length);
    if (count === 0) return;
    const bytes = Buffer.concat([kept, chunk.subarray(0, count)]);
    let at = 0;
    for (let lf = bytes.indexOf(LF, kept.length); lf >= 0; lf = bytes.indexOf(LF, at)) {
      yield { bytes: bytes.subarray(at, lf), offset: begin + at };
      at = lf + 1;
    }
    kept = bytes.subarray(at);
    begin += at;
  }
}

/** The whole line that ends right before `end`, without its LF, or undefined where none ends there. */
export function readLineBefore(fd: number, end: number, limit: number): FileLine | undefined {
  const from = Math.max(0, end - limit);
  const bytes = Buffer.allocUnsafe(end - from);
  let read = 0;
  while (read < bytes.length) {
    const count = readSync(fd, bytes, read, bytes.length - read, from + read);
    if (count === 0) return undefined;
    read += count;
  }
  if (bytes[bytes.length - 1] !== LF) return undefined;
  const before = bytes.lastIndexOf(LF, bytes.length - 2);
  if (before < 0 && from > 0) return undefined;
  return { bytes: bytes.subarray(before + 1, bytes.length - 1), offset: from + before + 1 };
}
