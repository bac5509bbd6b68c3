import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { isMlDsa, type MlDsaAlgorithm, mlDsaOf } from '../core/ml-dsa.ts';
import { TamperError } from '../errors.ts';
import { inTime, type Steps, waitFor } from '../foundation/steps.ts';
import type { SignatureAlgorithm } from './provider.ts';
import { algorithmOf, readPublicKey, toCanonicalSpki } from './public-key.ts';

/** An algorithm that every Node.js computes by itself. */
type ClassicalAlgorithm = Exclude<SignatureAlgorithm, MlDsaAlgorithm>;

const digests: Readonly<Record<Exclude<ClassicalAlgorithm, 'kms-hmac-sha256'>, 'sha256' | 'sha384' | null>> = {
  ed25519: null,
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'rsa-pss-sha256': 'sha256',
  'rsa-pkcs1-sha256': 'sha256',
};

/**
 * Verifies a signature offline: Ed25519 pure, 64 bytes; ECDSA as DER; RSA-PSS with MGF1-SHA-256 and a salt of exactly 32
 * bytes; RSA PKCS#1 v1.5; both as long as the modulus; ML-DSA pure, with an empty context, 2,420 and 3,309 bytes (spec 4).
 * `data` is the message, never a digest.
 *
 * @param key - a public key, or its SPKI
 * @returns false only for a signature that is not one of this key over this data
 * @throws {TamperError} `KEY_WRONG_USAGE`: the key is not of this algorithm, or the algorithm has no public key;
 * `KEY_MALFORMED`: the SPKI is unreadable; `DEPENDENCY_MISSING`: nothing here can check ML-DSA
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject | Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return inTime(isSignature(algorithm, key, data, signature));
}

/** {@link verifySignature}, which takes time for ML-DSA alone. */
export function* isSignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject | Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): Steps<boolean> {
  if (!isMlDsa(algorithm)) return verifyClassical(algorithm, key, data, signature);
  const spki = toCanonicalSpki(key, 'the public key');
  if (mlDsaOf(spki) !== algorithm) throw new TamperError('KEY_WRONG_USAGE', `the key is not for ${algorithm}`);
  return yield* waitFor(async () => {
    const { verifyMlDsa } = await import('./ml-dsa.ts');
    return verifyMlDsa(algorithm, spki, data, signature);
  });
}

/** {@link verifySignature} for what every Node.js computes by itself. */
export function verifyClassical(
  algorithm: ClassicalAlgorithm,
  key: KeyObject | Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const publicKey = keyToVerify(key);
  const digest = digestFor(algorithm, publicKey);
  if (publicKey.asymmetricKeyType === 'rsa' && signature.length !== modulusBytes(publicKey)) return false;
  return verify(digest, data, { key: publicKey, ...padding(algorithm) }, signature);
}

/** To read a key takes as long as to check a signature, and a log has few of them. */
const READ_KEYS = 64;
const readKeys = new Map<string, KeyObject>();

function keyToVerify(key: KeyObject | Uint8Array): KeyObject {
  if (!(key instanceof Uint8Array)) return readPublicKey(key, 'the public key');
  const spki = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
  const known = readKeys.get(spki);
  if (known !== undefined) return known;
  const read = readPublicKey(key, 'the public key');
  if (readKeys.size >= READ_KEYS) readKeys.clear();
  readKeys.set(spki, read);
  return read;
}

/** RFC 8017, 8.1.2: so long is a signature. OpenSSL takes one of PSS without its leading zero as well. */
function modulusBytes({ asymmetricKeyDetails }: KeyObject): number {
  return Math.ceil((asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/**
 * Signs locally with a key that Node has, in the encodings that {@link verifySignature} takes.
 *
 * @throws {TamperError} `KEY_WRONG_USAGE`: no private key, or not one of this algorithm
 */
export function signLocally(algorithm: ClassicalAlgorithm, privateKey: KeyObject, data: Uint8Array): Buffer {
  if (privateKey.type !== 'private') {
    throw new TamperError('KEY_WRONG_USAGE', `signing needs a private key, not a ${privateKey.type} key`);
  }
  return sign(digestFor(algorithm, privateKey), data, { key: privateKey, ...padding(algorithm) });
}

/**
 * Turns an ECDSA signature from P1363 (r and s side by side: Azure, JWS) into DER.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`: not 64 bytes for P-256, 96 for P-384
 */
export function derFromP1363(algorithm: 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384', signature: Uint8Array): Buffer {
  const half = algorithm === 'ecdsa-p256-sha256' ? 32 : 48;
  if (signature.length !== 2 * half) {
    throw new TamperError(
      'RESPONSE_MALFORMED',
      `an ${algorithm} signature has ${2 * half} bytes as P1363, but this one has ${signature.length}`,
    );
  }
  const body = Buffer.concat([derInteger(signature.subarray(0, half)), derInteger(signature.subarray(half))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]); // at most 102 bytes: one length byte
}

function derInteger(unsigned: Uint8Array): Buffer {
  const start = unsigned.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Uint8Array.of(0) : unsigned.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.from([0x02, digits.length + sign.length, ...sign, ...digits]);
}

function digestFor(algorithm: ClassicalAlgorithm, key: KeyObject): 'sha256' | 'sha384' | null {
  if (algorithm === 'kms-hmac-sha256') {
    throw new TamperError('KEY_WRONG_USAGE', 'kms-hmac-sha256 has no public key; only the key service can check it');
  }
  const actual = algorithmOf(key, algorithm === 'rsa-pkcs1-sha256' ? 'pkcs1' : 'pss', 'the key');
  if (actual !== algorithm) throw new TamperError('KEY_WRONG_USAGE', `the key is for ${actual}, not for ${algorithm}`);
  return digests[algorithm];
}

function padding(algorithm: ClassicalAlgorithm): { dsaEncoding?: 'der'; padding?: number; saltLength?: number } {
  switch (algorithm) {
    case 'rsa-pss-sha256':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    case 'rsa-pkcs1-sha256':
      return { padding: constants.RSA_PKCS1_PADDING };
    case 'ecdsa-p256-sha256':
    case 'ecdsa-p384-sha384':
      return { dsaEncoding: 'der' };
    default:
      return {};
  }
}
