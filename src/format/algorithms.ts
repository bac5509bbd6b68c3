/** Signature algorithms by the names that go into the log (spec 2, `A`). */
export const SIGNATURE_ALGORITHMS = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
  'rsa-pkcs1-sha256',
  'ml-dsa-44',
  'ml-dsa-65',
  'kms-hmac-sha256',
] as const;

/** A name of {@link SIGNATURE_ALGORITHMS}. */
export type NoteAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

/** Whether `name` is an algorithm of this format version. */
export function isNoteAlgorithm(name: string): name is NoteAlgorithm {
  return (SIGNATURE_ALGORITHMS as readonly string[]).includes(name);
}
