const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard padded base64 in lines of `width` characters, made without a string, which nobody could overwrite. */
export function base64Text(bytes: Uint8Array, width: number): Buffer {
  const digits = 4 * Math.ceil(bytes.length / 3);
  const text = Buffer.alloc(digits + Math.ceil(digits / width), 0x0a);
  let at = 0;
  for (let digit = 0; digit < digits; digit++) {
    if (digit > 0 && digit % width === 0) at++;
    const bit = digit * 6;
    const first = bytes[bit >> 3];
    const pair = ((first ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    const value = (pair >> (10 - (bit & 7))) & 63;
    text[at++] = first === undefined ? 0x3d : alphabet.charCodeAt(value);
  }
  return text;
}
