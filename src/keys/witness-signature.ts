import { ED25519_SPKI_HEAD } from '../core/ed25519-point.ts';
import { mlDsaSpki } from '../core/ml-dsa.ts';
import { verifySignature } from './signature.ts';

/** The public key of a witness. */
export interface WitnessPublicKey {
  readonly algorithm: 'ed25519' | 'ml-dsa-44';
  /** Raw: 32 bytes of Ed25519, 1,312 of ML-DSA-44 (FIPS 204). */
  readonly publicKey: Uint8Array;
}

/** The DER SubjectPublicKeyInfo of a witness's key; undefined where it has another length. */
export function witnessSpki({ algorithm, publicKey }: WitnessPublicKey): Buffer | undefined {
  return algorithm === 'ed25519' ? Buffer.concat([ED25519_SPKI_HEAD, publicKey]) : mlDsaSpki(algorithm, publicKey);
}

/**
 * Whether a witness signed these bytes.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`: nothing here can check ML-DSA
 */
export async function verifyWitnessSignature(
  { algorithm, publicKey }: WitnessPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const spki = witnessSpki({ algorithm, publicKey });
  return spki !== undefined && verifySignature(algorithm, spki, message, signature);
}
