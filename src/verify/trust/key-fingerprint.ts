import { digestBytes, sha256 } from '../../core/hash.ts';
import type { Signer } from '../../format/key-reference.ts';

/** `sha256:` and the hex of SHA-256(SPKI), as keygen prints it; undefined for a key that has no public half. */
export function signerFingerprint({ spki }: Pick<Signer, 'spki'>): string | undefined {
  return spki && `sha256:${digestBytes(sha256(spki)).toString('hex')}`;
}
