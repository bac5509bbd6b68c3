/**
 * Whether bytes are a JSON object, for the lines that loggers write: ASCII, no deeper than 30, blanks only as spaces behind
 * commas and colons. A parser builds what nobody asks for; this reads each byte once. What it does not accept may be an object
 * all the same.
 */

/** A character that stands for itself in a string. */
const TEXT = 1;
const DIGIT = 2;
/** A character that may follow a backslash, but u. */
const ESCAPED = 4;
/** What a byte may be: bits of {@link TEXT}, {@link DIGIT}, {@link ESCAPED}. */
const KIND = kindsOfBytes();

function kindsOfBytes(): Uint8Array {
  const kinds = new Uint8Array(256);
  for (let byte = 0x20; byte < 0x80; byte++) if (byte !== 0x22 && byte !== 0x5c) kinds[byte] = TEXT;
  for (const byte of Buffer.from('0123456789')) kinds[byte] = TEXT | DIGIT;
  for (const byte of Buffer.from('"\\/bfnrt')) kinds[byte] = (kinds[byte] as number) | ESCAPED;
  return kinds;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MAX_DEPTH = 30;

/** Whether `bytes[start, end)` is a JSON object, as far as this can tell. A control character, or nothing, stands at `end`. */
export function isPlainObject(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== OPEN_BRACE || bytes[end - 1] !== CLOSE_BRACE) return false;
  const last = end - 1;
  let at = start + 1;
  /** One bit for each container that is open, 1 for an object; the lowest is the innermost. */
  let open = 1;
  let depth = 1;
  let mayClose = true;
  for (;;) {
    // a member's name, or the end of an empty container
    let byte = bytes[at] as number;
    if (mayClose && byte === ((open & 1) === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) {
      at++;
    } else {
      if ((open & 1) === 1) {
        if (byte !== QUOTE) return false;
        at = endOfString(bytes, at + 1);
        if (at < 0 || bytes[at] !== COLON) return false;
        at++;
        if (bytes[at] === SPACE) at++;
        byte = bytes[at] as number;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > MAX_DEPTH) return false;
        open = (open << 1) | (byte === OPEN_BRACE ? 1 : 0);
        at++;
        mayClose = true;
        continue;
      }
      at = byte === QUOTE ? endOfString(bytes, at + 1) : endOfScalar(bytes, at);
      if (at < 0) return false;
      byte = bytes[at] as number;
      if (byte === COMMA) {
        at++;
        if (bytes[at] === SPACE) at++;
        mayClose = false;
        continue;
      }
      if (byte !== ((open & 1) === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) return false;
      at++;
    }
    // a container has ended, and perhaps those around it
    for (;;) {
      open >>= 1;
      if (--depth === 0) return at - 1 === last;
      if (at > last) return false;
      byte = bytes[at] as number;
      at++;
      if (byte === COMMA) break;
      if (byte !== ((open & 1) === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) return false;
    }
    if (bytes[at] === SPACE) at++;
    mayClose = false;
  }
}

/** Behind the closing quote of a string whose first character is at `at`; -1 where it is none. */
function endOfString(bytes: Buffer, at: number): number {
  let next = at;
  for (;;) {
    while (((KIND[bytes[next] as number] as number) & TEXT) !== 0) next++;
    const byte = bytes[next];
    if (byte === QUOTE) return next + 1;
    if (byte !== BACKSLASH || ((KIND[bytes[next + 1] as number] as number) & ESCAPED) === 0) return -1;
    next += 2;
  }
}

/** Behind a number, `true`, `false` or `null`; -1 where there is none. */
function endOfScalar(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case 0x74:
      return bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : -1;
    case 0x6e:
      return bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c ? at + 4 : -1;
    case 0x66:
      return bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x65
        ? at + 5
        : -1;
    default:
      return endOfNumber(bytes, at);
  }
}

function endOfNumber(bytes: Buffer, at: number): number {
  let next = bytes[at] === MINUS ? at + 1 : at;
  next = bytes[next] === ZERO ? next + 1 : endOfDigits(bytes, next);
  if (next >= 0 && bytes[next] === POINT) next = endOfDigits(bytes, next + 1);
  if (next < 0 || (bytes[next] !== 0x65 && bytes[next] !== 0x45)) return next;
  const sign = bytes[next + 1];
  return endOfDigits(bytes, sign === PLUS || sign === MINUS ? next + 2 : next + 1);
}

/** Behind one digit or more; -1 where there is none. */
function endOfDigits(bytes: Buffer, at: number): number {
  let next = at;
  while (((KIND[bytes[next] as number] as number) & DIGIT) !== 0) next++;
  return next === at ? -1 : next;
}
