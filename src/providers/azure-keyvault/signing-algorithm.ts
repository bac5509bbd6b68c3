import { createHash } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import { derFromP1363 } from '../../keys/signature.ts';
import type { AzureSigningAlgorithm } from './client.ts';

interface Vendor {
  readonly name: AzureSigningAlgorithm;
  readonly hash: 'sha256' | 'sha384';
}

const vendors: ReadonlyMap<SignatureAlgorithm, Vendor> = new Map([
  ['ecdsa-p256-sha256', { name: 'ES256', hash: 'sha256' }],
  ['ecdsa-p384-sha384', { name: 'ES384', hash: 'sha384' }],
  ['rsa-pss-sha256', { name: 'PS256', hash: 'sha256' }],
  ['rsa-pkcs1-sha256', { name: 'RS256', hash: 'sha256' }],
]);

/** The name that the service knows an algorithm by, and the digest of `data` that it signs: it never sees the data. */
export function digestFor(
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
): { readonly name: AzureSigningAlgorithm; readonly digest: Uint8Array } {
  const vendor = vendors.get(algorithm);
  if (vendor === undefined) throw new TamperError('KEY_WRONG_USAGE', `Azure Key Vault does not sign with ${algorithm}`);
  return { name: vendor.name, digest: createHash(vendor.hash).update(data).digest() };
}

/**
 * A signature as the log has it: ECDSA as DER (the service answers r and s side by side), RSA as it came.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`: of the wrong length
 */
export function readSignature(algorithm: SignatureAlgorithm, answer: Uint8Array, identity: string): Uint8Array {
  if (algorithm !== 'ecdsa-p256-sha256' && algorithm !== 'ecdsa-p384-sha384') return Uint8Array.from(answer);
  const expected = algorithm === 'ecdsa-p256-sha256' ? 64 : 96;
  if (answer.length !== expected) {
    throw new TamperError(
      'RESPONSE_MALFORMED',
      `Azure Key Vault sign "${identity}": a signature of ${answer.length} bytes instead of ${expected}`,
      { retryable: true, hint: 'The signature was discarded.' },
    );
  }
  return derFromP1363(algorithm, answer);
}
