/**
 * An ECDSA signature from its DER (SEQUENCE of r and s) to r and s side by side, as Web Crypto takes it; undefined where it is
 * not the one DER spelling of two positive numbers of at most `size` bytes.
 */
export function p1363FromDer(der: Uint8Array, size: number): Uint8Array | undefined {
  // 2 + 2 * (2 + 49) = 104 bytes at most: every length is one byte
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 0x7f + 2) return undefined;
  const both = new Uint8Array(2 * size);
  let at = 2;
  for (const end of [size, 2 * size]) {
    const length = der[at + 1] ?? 0;
    const bytes = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || length === 0 || bytes.length !== length) return undefined;
    const [first = 0, second = 0] = bytes;
    if (first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return undefined;
    const digits = first === 0 ? bytes.subarray(1) : bytes;
    if (digits.length > size) return undefined;
    both.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? both : undefined;
}
