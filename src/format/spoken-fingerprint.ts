/**
 * A fingerprint in the form in which two people compare it by telephone: lower-case hexadecimal in groups of four digits,
 * `d76b 56e1 …`. 32 bytes are 16 groups.
 */
export function spokenFingerprint(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return (hex.match(/.{1,4}/g) ?? []).join(' ');
}
