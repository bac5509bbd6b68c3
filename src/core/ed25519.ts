import { createPublicKey, verify } from 'node:crypto';

const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Verifies a pure Ed25519 signature (RFC 8032).
 *
 * @param publicKey - 32 bytes
 * @param signature - 64 bytes; one of another length verifies never
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}
