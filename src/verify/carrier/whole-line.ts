import type { CarriedLine } from './carrier.ts';

const LF = 0x0a;

/** The text of a carrier that joins pieces itself: one line of the log, to which it may have left the LF. */
export function wholeLine(text: string | undefined): CarriedLine {
  if (text === undefined) return 'foreign';
  const line = text.endsWith('\n') ? text.slice(0, -1) : text;
  return line.includes('\n') ? 'foreign' : { bytes: Buffer.from(line, 'utf8'), ends: true };
}

/** As {@link wholeLine}, for a carrier that gives the line as bytes. */
export function wholeLineOf(bytes: Buffer): CarriedLine {
  const line = bytes.at(-1) === LF ? bytes.subarray(0, -1) : bytes;
  return line.includes(LF) ? 'foreign' : { bytes: line, ends: true };
}
