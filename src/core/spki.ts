import { type AsymmetricKeyDetails, createPublicKey, type KeyObject } from 'node:crypto';

/** RSA moduli of other lengths, in bits, are refused, and so are exponents that make a check as slow as a signature (M2.1). */
const RSA_BITS = { min: 2048, max: 8192 } as const;
const MAX_RSA_EXPONENT = 2n ** 32n;

/**
 * The one DER encoding of a public key that goes into logs, notes and key ids: SubjectPublicKeyInfo with a named curve and
 * an uncompressed point (spec 4). Node keeps a compressed point when it writes a key again, hence the way through a JWK.
 */
export function canonicalSpki(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ec') return key.export({ format: 'der', type: 'spki' });
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' }).export({ format: 'der', type: 'spki' });
}

/** Why an RSA key is of no use: of other than 2,048 to 8,192 bits, or its exponent not odd, from 3 to below 2^32 (M2.1). */
export function rsaFault({ modulusLength = 0, publicExponent = 0n }: AsymmetricKeyDetails = {}): string | undefined {
  if (modulusLength < RSA_BITS.min || modulusLength > RSA_BITS.max) return `has ${modulusLength} bits`;
  const isUsual = publicExponent >= 3n && publicExponent < MAX_RSA_EXPONENT && publicExponent % 2n === 1n;
  return isUsual ? undefined : 'has a public exponent that no key service uses';
}
