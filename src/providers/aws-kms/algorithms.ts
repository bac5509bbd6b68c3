import { TamperError } from '../../errors.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import type { AwsKmsKeyMetadata, AwsSigningAlgorithm } from './client.ts';

/** Signature algorithms of AWS KMS by our names. The pre-hashed `ED25519_PH_SHA_512` is not one: it hashes twice. */
const vendorNames: ReadonlyMap<SignatureAlgorithm, AwsSigningAlgorithm> = new Map([
  ['ed25519', 'ED25519_SHA_512'],
  ['ecdsa-p256-sha256', 'ECDSA_SHA_256'],
  ['ecdsa-p384-sha384', 'ECDSA_SHA_384'],
  ['rsa-pss-sha256', 'RSASSA_PSS_SHA_256'],
  ['rsa-pkcs1-sha256', 'RSASSA_PKCS1_V1_5_SHA_256'],
]);

/** `ECDSA_SHA_256` is also what a secp256k1 key offers, so the curve decides and not the algorithm's name alone. */
const curveOf: ReadonlyMap<SignatureAlgorithm, string> = new Map([
  ['ed25519', 'ECC_NIST_EDWARDS25519'],
  ['ecdsa-p256-sha256', 'ECC_NIST_P256'],
  ['ecdsa-p384-sha384', 'ECC_NIST_P384'],
]);

/** What is used where a key offers several: PSS before PKCS #1 v1.5. */
export const defaultSigningAlgorithms: readonly SignatureAlgorithm[] = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
  'rsa-pkcs1-sha256',
];

/** The name that `Sign` and `Verify` know an algorithm by; undefined for one they do not know. */
export function vendorAlgorithm(algorithm: SignatureAlgorithm): AwsSigningAlgorithm | undefined {
  return vendorNames.get(algorithm);
}

/**
 * The algorithm that a key signs with, from its metadata and the order of preference.
 *
 * @throws {TamperError} `KEY_WRONG_USAGE`: the key is for something else; `UNSUPPORTED_OPERATION`: it signs, but with
 * nothing that the log format has a name for
 */
export function chooseAlgorithm(
  keyId: string,
  key: AwsKmsKeyMetadata,
  preferred: readonly SignatureAlgorithm[],
): SignatureAlgorithm {
  if (key.KeyUsage === 'GENERATE_VERIFY_MAC') {
    if (key.MacAlgorithms?.includes('HMAC_SHA_256')) return 'kms-hmac-sha256';
    throw unsupported(keyId, key, 'HMAC_256');
  }
  if (key.KeyUsage !== 'SIGN_VERIFY') {
    throw new TamperError(
      'KEY_WRONG_USAGE',
      `AWS KMS key "${keyId}" is for ${key.KeyUsage ?? 'an unknown use'}, not for signing`,
      {
        hint: 'Name a key with usage SIGN_VERIFY (or GENERATE_VERIFY_MAC) as the signing key.',
      },
    );
  }
  for (const algorithm of preferred) {
    const vendor = vendorNames.get(algorithm);
    if (vendor === undefined || !key.SigningAlgorithms?.includes(vendor)) continue;
    const curve = curveOf.get(algorithm);
    if (curve === undefined || curve === key.KeySpec) return algorithm;
  }
  throw unsupported(keyId, key, 'ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_EDWARDS25519 or RSA_2048 and above');
}

function unsupported(keyId: string, key: AwsKmsKeyMetadata, wanted: string): TamperError {
  const offered = [...(key.SigningAlgorithms ?? []), ...(key.MacAlgorithms ?? [])].join(', ') || 'nothing';
  return new TamperError(
    'UNSUPPORTED_OPERATION',
    `AWS KMS key "${keyId}" (${key.KeySpec ?? 'unknown spec'}) offers ${offered}, none of which can seal a log`,
    { hint: `Use a key of spec ${wanted}.` },
  );
}
