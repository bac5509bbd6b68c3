import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { p1363FromDer } from '../../../core/ecdsa-signature.ts';
import { isMlDsa, ML_DSA, type MlDsaAlgorithm, mlDsaOf, mlDsaPublicKey } from '../../../core/ml-dsa.ts';
import { TamperError } from '../../../errors.ts';
import type { SignatureAlgorithm } from '../../../keys/provider.ts';
import { algorithmOf, canonicalSpki, readPublicKey } from '../../../keys/public-key.ts';

/**
 * Takes the place of `keys/signature.ts`: Web Crypto checks signatures, so the answer comes later. What a key and a
 * signature must be like is the same (spec 4).
 */

interface Way {
  readonly imported: RsaHashedImportParams | EcKeyImportParams | Algorithm;
  readonly verified: RsaPssParams | EcdsaParams | Algorithm;
}

const SHA_256 = 'SHA-256';
const ways: Readonly<Record<Exclude<SignatureAlgorithm, MlDsaAlgorithm | 'kms-hmac-sha256'>, Way>> = {
  ed25519: { imported: { name: 'Ed25519' }, verified: { name: 'Ed25519' } },
  'ecdsa-p256-sha256': {
    imported: { name: 'ECDSA', namedCurve: 'P-256' },
    verified: { name: 'ECDSA', hash: SHA_256 },
  },
  'ecdsa-p384-sha384': {
    imported: { name: 'ECDSA', namedCurve: 'P-384' },
    verified: { name: 'ECDSA', hash: 'SHA-384' },
  },
  'rsa-pss-sha256': {
    imported: { name: 'RSA-PSS', hash: SHA_256 },
    verified: { name: 'RSA-PSS', saltLength: 32 },
  },
  'rsa-pkcs1-sha256': {
    imported: { name: 'RSASSA-PKCS1-v1_5', hash: SHA_256 },
    verified: { name: 'RSASSA-PKCS1-v1_5' },
  },
};

/** As `verifySignature` of `keys/signature.ts`; `UNSUPPORTED_OPERATION` where this browser cannot check such a signature. */
export async function verifySignature(
  algorithm: SignatureAlgorithm,
  spki: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (algorithm === 'kms-hmac-sha256') {
    throw new TamperError('KEY_WRONG_USAGE', 'kms-hmac-sha256 has no public key; only the key service can check it');
  }
  if (isMlDsa(algorithm)) return verifyMlDsa(algorithm, spki, data, signature);
  const key = readPublicKey(spki, 'the public key');
  const actual = algorithmOf(key, algorithm === 'rsa-pkcs1-sha256' ? 'pkcs1' : 'pss', 'the key');
  if (actual !== algorithm) throw new TamperError('KEY_WRONG_USAGE', `the key is for ${actual}, not for ${algorithm}`);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  const bytes = spelled(algorithm, signature, bits);
  if (bytes === undefined) return false;
  const { imported, verified } = ways[algorithm];
  const { subtle } = globalThis.crypto;
  try {
    const own = await subtle.importKey('spki', new Uint8Array(canonicalSpki(key)), imported, false, ['verify']);
    return await subtle.verify(verified, own, new Uint8Array(bytes), new Uint8Array(data));
  } catch (cause) {
    throw new TamperError('UNSUPPORTED_OPERATION', `this browser cannot check a signature of ${algorithm}`, {
      cause,
      hint: 'Use a current Chromium, Chrome, Edge, Firefox or Safari, or verify on the command line: verify.mjs.',
    });
  }
}

/** FIPS 204, pure, with an empty context: no browser has it yet. */
function verifyMlDsa(algorithm: MlDsaAlgorithm, spki: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (mlDsaOf(spki) !== algorithm) throw new TamperError('KEY_WRONG_USAGE', `the key is not for ${algorithm}`);
  if (signature.length !== ML_DSA[algorithm].signatureBytes) return false;
  const noble = algorithm === 'ml-dsa-44' ? ml_dsa44 : ml_dsa65;
  const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
  return noble.verify(plain(signature), plain(data), plain(mlDsaPublicKey(algorithm, spki)));
}

/** The signature as Web Crypto takes it; undefined where it is none of this algorithm. */
function spelled(
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
  modulusLength: number | undefined,
): Uint8Array | undefined {
  switch (algorithm) {
    case 'ed25519':
      return signature.length === 64 ? signature : undefined;
    case 'ecdsa-p256-sha256':
      return p1363FromDer(signature, 32);
    case 'ecdsa-p384-sha384':
      return p1363FromDer(signature, 48);
    default:
      return signature.length === Math.ceil((modulusLength ?? 0) / 8) ? signature : undefined; // RFC 8017, 8.1.2
  }
}
