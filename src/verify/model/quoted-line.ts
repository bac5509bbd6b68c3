/** A line of a log, for a report. Whoever wrote it may be the attacker: whoever shows it escapes it. */
export interface QuotedLine {
  /** The whole line, or its beginning; bytes that are not UTF-8 are U+FFFD. */
  readonly head: string;
  /** Its end, where something between was left out. */
  readonly tail?: string;
  /** How many bytes the line has, without its LF. */
  readonly bytes: number;
}

/** So many bytes of a line's beginning and of its end are quoted. */
const HEAD = 768;
const TAIL = 256;
/** A character of UTF-8 has so many bytes after its first. */
const LONGEST_TAIL = 3;

/** Copies what is quoted of the line `bytes[start, end)`. */
export function quoteLine(bytes: Buffer, start: number, end: number): QuotedLine {
  const length = end - start;
  if (length <= HEAD + TAIL) return { head: decoded(bytes, start, end), bytes: length };
  let tailStart = end - TAIL;
  for (let at = 0; at < LONGEST_TAIL && isContinuation(bytes[tailStart]); at++) tailStart++;
  let headEnd = start + HEAD;
  for (let at = 0; at < LONGEST_TAIL && isContinuation(bytes[headEnd]); at++) headEnd--;
  return { head: decoded(bytes, start, headEnd), tail: decoded(bytes, tailStart, end), bytes: length };
}

/** Whether a character that began before goes on with this byte: a quote is not cut there. */
function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}

function decoded(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end);
}
