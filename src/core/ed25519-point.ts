/**
 * The y coordinates of the points of order 1, 4 and 8, in hex as they are encoded, without the sign of x; that of order 2 is
 * the prime less one.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  `01${'00'.repeat(31)}`,
  '00'.repeat(32),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);
/** All that the prime less one, and what is not below the prime, have after their first byte. */
const LARGEST = `${'ff'.repeat(30)}7f`;
const LARGEST_FIRST = 0xec;

/**
 * Whether 32 bytes may be a public key of Ed25519 (M2.1): an encoding below the prime, and of no point of small order, for
 * which anybody can make signatures. That there is such a point on the curve is not asked.
 */
export function isEd25519Point(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false;
  const y = Buffer.from(encoded);
  y[31] = (y[31] ?? 0) & 0x7f;
  const text = y.toString('hex');
  return !SMALL_ORDER.has(text) && !(text.endsWith(LARGEST) && (y[0] ?? 0) >= LARGEST_FIRST);
}

/** What stands before the 32 bytes of a public key in its SPKI (RFC 8410). */
export const ED25519_SPKI_HEAD: Buffer = Buffer.from('302a300506032b6570032100', 'hex');
