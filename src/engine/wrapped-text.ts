import { decodeUtf8 } from '../format/entry.ts';

/**
 * Whether bytes are `{"line":S`, with S a text as a sealer spells it (M1.10): exactly what `JSON.stringify` makes of some text
 * without NUL. ASCII is not decoded for it.
 */

const HEAD = Buffer.from('{"line":"', 'latin1');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** A control character is `\u00` and two digits. */
const CONTROL = Buffer.from('u00', 'latin1');
/** What may follow a backslash by itself. */
const SHORT: ReadonlySet<number> = new Set(Buffer.from('"\\bfnrt', 'latin1'));
/** The control characters that have no short form, by their two digits. NUL has none because its line is not wrapped as text. */
const LONG: ReadonlySet<string> = new Set(
  Array.from({ length: SPACE }, (_, code) => JSON.stringify(String.fromCharCode(code)))
    .filter((text) => text.startsWith('"\\u') && text !== '"\\u0000"')
    .map((text) => text.slice(5, 7)),
);

/** Whether `bytes[start, end)` is such. */
export function isWrappedText(bytes: Buffer, start: number, end: number): boolean {
  const from = start + HEAD.length;
  const last = end - 1;
  if (last < from || bytes[last] !== QUOTE || bytes.compare(HEAD, 0, HEAD.length, start, from) !== 0) return false;
  let isAscii = true;
  let at = from;
  while (at < last) {
    const byte = bytes[at] as number;
    if (byte === BACKSLASH) {
      const length = escapeLength(bytes, at + 1);
      if (length === 0) return false;
      at += 1 + length;
    } else {
      if (byte < SPACE || byte === QUOTE) return false;
      if (byte >= 0x80) isAscii = false;
      at++;
    }
  }
  return at === last && (isAscii || decodeUtf8(bytes.subarray(from, last)) !== undefined);
}

/** How many bytes behind a backslash belong to it; 0 where a sealer writes no such escape. */
function escapeLength(bytes: Buffer, at: number): number {
  if (SHORT.has(bytes[at] as number)) return 1;
  const digits = at + CONTROL.length;
  if (digits + 2 > bytes.length || bytes.compare(CONTROL, 0, CONTROL.length, at, digits) !== 0) return 0;
  return LONG.has(bytes.toString('latin1', digits, digits + 2)) ? CONTROL.length + 2 : 0;
}
