import { TamperError } from '../../errors.ts';

/** The length of a data key and of an Ed25519 seed, in bytes. */
const keyBytes = 32;
const hint = 'A key is 32 random bytes as base64, base64url or hex; `fapilog-tamper keygen` makes a new one';

/**
 * Reads 32 bytes from base64 (padded or not), base64url or hex text, or, if `raw` is allowed, from the bytes themselves.
 * One line end after text is ignored. No string is made of the key, and the message says what the text looks like
 * without showing it.
 *
 * @param place - what holds the text, for the message: `environment variable NAME`, `file PATH`
 * @returns memory of its own, for the caller to overwrite; `bytes` stays the caller's
 * @throws KEY_MALFORMED unless there are exactly 32 bytes, not all zero, in their one spelling
 */
export function decodeKey(bytes: Uint8Array, place: string, raw: boolean): Buffer {
  const text = withoutLineEnd(bytes);
  const decoded =
    decodeText(text) ?? (raw && bytes.length === keyBytes && !isPrintable(bytes) ? copy(bytes) : undefined);
  if (decoded === undefined) throw malformed(place, describe(text, bytes, raw));
  if (decoded.length !== keyBytes) {
    const { length } = decoded;
    decoded.fill(0);
    throw malformed(place, `holds ${length} bytes (as ${spellingOf(text)}) instead of ${keyBytes}`);
  }
  if (decoded.every((byte) => byte === 0)) throw malformed(place, 'contains a key that is all zeros');
  return decoded;
}

/** An error for text that is no key. `problem` never quotes the text. */
export function malformed(place: string, problem: string): TamperError {
  return new TamperError('KEY_MALFORMED', `${place} ${problem}`, { hint });
}

/** Decodes hex if it is that, else canonical base64 or base64url; undefined if it is neither. */
export function decodeText(text: Uint8Array): Buffer | undefined {
  if (text.length === 0) return undefined;
  return isHex(text) ? decodeHex(text) : decodeBase64(text);
}

function isHex(text: Uint8Array): boolean {
  // never in doubt: 32 bytes of base64 have 43 characters, or 44 with a padding that is no hex digit
  return text.length % 2 === 0 && text.every((byte) => hexValue(byte) !== -1);
}

function decodeHex(text: Uint8Array): Buffer {
  const bytes = Buffer.alloc(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = hexValue(text[2 * i] ?? 0) * 16 + hexValue(text[2 * i + 1] ?? 0);
  }
  return bytes;
}

function decodeBase64(text: Uint8Array): Buffer | undefined {
  const padding = text.at(-1) !== 0x3d ? 0 : text.at(-2) !== 0x3d ? 1 : 2;
  const digits = text.length - padding;
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  let url = false;
  let standard = false;
  const bytes = Buffer.alloc(Math.floor((digits * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const byte = text[i] ?? 0;
    const value = base64Value(byte);
    url ||= byte === 0x2d || byte === 0x5f;
    standard ||= byte === 0x2b || byte === 0x2f;
    if (value === -1 || (url && standard)) {
      bytes.fill(0);
      return undefined;
    }
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) {
    bytes.fill(0); // bits that belong to no byte: a second spelling
    return undefined;
  }
  return bytes;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function base64Value(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x47;
  if (byte >= 0x30 && byte <= 0x39) return byte + 4;
  if (byte === 0x2b || byte === 0x2d) return 62;
  return byte === 0x2f || byte === 0x5f ? 63 : -1;
}

function withoutLineEnd(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.length - (bytes.at(-2) === 0x0d ? 2 : 1));
}

function copy(bytes: Uint8Array): Buffer {
  const own = Buffer.alloc(bytes.length);
  own.set(bytes);
  return own;
}

function isPrintable(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d);
}

function spellingOf(text: Uint8Array): string {
  return isHex(text) ? 'hex' : 'base64';
}

function describe(text: Uint8Array, bytes: Uint8Array, raw: boolean): string {
  if (text.length === 0) return 'is empty';
  const begins = (prefix: string): boolean =>
    Buffer.from(prefix, 'latin1').every((byte, index) => text[index] === byte);
  if (begins('-----BEGIN'))
    return 'contains PEM, but a data key is 32 bytes: if this is a signing key, set algorithm to Ed25519';
  if (begins('0x') || begins('0X')) return 'begins with 0x: leave that out';
  if (begins('\xef\xbb\xbf')) return 'begins with a byte-order mark: save it without one';
  if (begins('"') || begins("'")) return 'begins with a quotation mark: leave the quotation marks out';
  if (!isPrintable(bytes)) {
    return raw ? `holds ${bytes.length} raw bytes instead of ${keyBytes}` : 'contains bytes that are not text';
  }
  if (text.some((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d)) return 'contains spaces or several lines';
  return `holds ${text.length} characters that are neither hex nor one valid spelling of base64 or base64url`;
}
