import { TamperError } from '../../errors.ts';

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const values = new Map([...alphabet].map((character, value) => [character, value]));
const padding = 0x3d; // =

/** Standard padded base64, from bytes to bytes: for secrets, which must not become strings. */
export function encodeBase64(bytes: Uint8Array): Buffer {
  const text = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, padding);
  for (let at = 0, out = 0; at < bytes.length; at += 3, out += 4) {
    const left = bytes.length - at;
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const characters = left >= 3 ? 4 : left + 1;
    for (let index = 0; index < characters; index += 1) {
      text[out + index] = alphabet[(bits >> (18 - 6 * index)) & 63] ?? 0;
    }
  }
  return text;
}

/**
 * The reverse of {@link encodeBase64}, strictly: canonical, padded.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`
 */
export function decodeBase64(text: Uint8Array): Buffer {
  const pads = text.at(-1) !== padding ? 0 : text.at(-2) === padding ? 2 : 1;
  const bytes = Buffer.alloc(Math.max(0, (text.length / 4) * 3 - pads) | 0);
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = at >= text.length - pads ? 0 : values.get(text[at] ?? 0);
    if (value === undefined || text.length % 4 !== 0) throw notBase64(bytes);
    bits = ((bits << 6) | value) & 0xffffff;
    if (at % 4 === 3)
      for (let index = 0; index < 3; index += 1) put(bytes, ((at - 3) / 4) * 3 + index, bits >> (16 - 8 * index));
  }
  const again = encodeBase64(bytes);
  const canonical = again.equals(text);
  again.fill(0);
  if (!canonical) throw notBase64(bytes);
  return bytes;
}

function put(bytes: Buffer, at: number, value: number): void {
  if (at < bytes.length) bytes[at] = value & 0xff;
}

function notBase64(bytes: Buffer): TamperError {
  bytes.fill(0);
  return new TamperError('RESPONSE_MALFORMED', "Vault's answer has a value that is not base64");
}
