import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Steps, waitFor } from '../../foundation/steps.ts';
import { isSeedOfMlDsa, ML_DSA_ALGORITHMS, type MlDsaAlgorithm, mlDsaPkcs8Head } from '../../keys/ml-dsa.ts';
import { decodeKey, decodeText, malformed } from './key-text.ts';

/** What a local signing key is made from: 32 secret bytes, and for which algorithm. */
export interface SigningSeed {
  readonly algorithm: 'ed25519' | MlDsaAlgorithm;
  /** Memory of its own, for the caller to overwrite. */
  readonly seed: Buffer;
}

/** PKCS#8 (RFC 8410) around a seed of Ed25519: without, and with the public key after it. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const pkcs8HeadWithPublic = Buffer.from('3051020101300506032b657004220420', 'hex');
const begin = Buffer.from('-----BEGIN PRIVATE KEY-----', 'latin1');
const end = Buffer.from('-----END PRIVATE KEY-----', 'latin1');

/**
 * Reads the seed of a signing key. Of Ed25519: 32 bytes in any encoding of a data key, or PKCS#8 PEM (`openssl genpkey
 * -algorithm ed25519`). Of ML-DSA: PKCS#8 PEM with the seed, alone or beside the expanded key (RFC 9881). No string is made
 * of it.
 *
 * @param bytes - stays the caller's
 * @throws KEY_MALFORMED
 */
export function* decodeSigningSeed(bytes: Uint8Array, place: string, raw: boolean): Steps<SigningSeed> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.indexOf('-----BEGIN') !== 0) return { algorithm: 'ed25519', seed: decodeKey(bytes, place, raw) };
  const der = derOfPem(text, place);
  try {
    const found = seedOf(der) ?? (yield* mlDsaSeedOf(der, place));
    if (found === undefined) throw malformed(place, 'holds a private key that is neither Ed25519 nor ML-DSA-44 or -65');
    if (found.seed.every((byte) => byte === 0)) throw malformed(place, 'contains a key that is all zeros');
    const own = Buffer.alloc(32);
    own.set(found.seed);
    return { algorithm: found.algorithm, seed: own };
  } finally {
    der.fill(0);
  }
}

function derOfPem(text: Buffer, place: string): Buffer {
  if (text.indexOf('-----BEGIN ENCRYPTED') === 0) {
    throw malformed(place, 'holds an encrypted key: decrypt it with openssl pkey, into a file that only you can read');
  }
  const stop = text.indexOf(end);
  if (text.indexOf(begin) !== 0 || stop === -1) throw malformed(place, 'contains PEM, but no PKCS#8 private key');
  const body = text.subarray(begin.length, stop);
  const packed = Buffer.alloc(body.length);
  let length = 0;
  for (const byte of body) if (byte > 0x20) packed[length++] = byte;
  const der = decodeText(packed.subarray(0, length));
  packed.fill(0);
  if (der === undefined) throw malformed(place, 'holds PEM that is not valid base64');
  return der;
}

function seedOf(der: Buffer): SigningSeed | undefined {
  const plain = der.length === 48 && der.subarray(0, 16).equals(pkcs8Head);
  const withPublic = der.length === 83 && der.subarray(0, 16).equals(pkcs8HeadWithPublic);
  return plain || withPublic ? { algorithm: 'ed25519', seed: der.subarray(16, 48) } : undefined;
}

/** RFC 9881, section 6: a seed, or a seed and the expanded key that it makes; the latter alone names no seed. */
function* mlDsaSeedOf(der: Buffer, place: string): Steps<SigningSeed | undefined> {
  for (const algorithm of ML_DSA_ALGORITHMS) {
    for (const form of ['seed', 'both', 'expanded'] as const) {
      const { head, length } = mlDsaPkcs8Head(algorithm, form);
      if (der.length !== length || !head.equals(der.subarray(0, head.length))) continue;
      if (form === 'expanded') {
        throw malformed(place, 'holds an expanded key of ML-DSA without its seed: make one with fapilog-tamper keygen');
      }
      const seed = der.subarray(head.length, head.length + 32);
      const expanded = der.subarray(head.length + 32);
      if (form === 'both' && !(yield* waitFor(() => isSeedOfMlDsa(algorithm, seed, expanded)))) {
        throw malformed(place, 'holds a seed of ML-DSA and an expanded key that is not made from it');
      }
      return { algorithm, seed };
    }
  }
  return undefined;
}

/** Lends the private key of a seed to `use`, which must not keep it. */
export function withPrivateKey<T>(seed: Uint8Array, use: (key: KeyObject) => T): T {
  const der = Buffer.alloc(pkcs8Head.length + seed.length);
  der.set(pkcs8Head);
  der.set(seed, pkcs8Head.length);
  try {
    return use(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  } finally {
    der.fill(0);
  }
}

/** The public key of a seed as DER SubjectPublicKeyInfo, 44 bytes. */
export function publicKeyOfSeed(seed: Uint8Array): Buffer {
  return withPrivateKey(seed, (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }));
}

/** The identity of a local signing key: `sha256:` and SHA-256 of its SPKI in hex (spec 2). */
export function identityOfSpki(spki: Uint8Array): string {
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}
