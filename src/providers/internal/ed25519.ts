import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { decodeKey, decodeText, malformed } from './key-text.ts';

/** PKCS#8 (RFC 8410) around a seed of 32 bytes: without, and with the public key after it. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const pkcs8HeadWithPublic = Buffer.from('3051020101300506032b657004220420', 'hex');
const begin = Buffer.from('-----BEGIN PRIVATE KEY-----', 'latin1');
const end = Buffer.from('-----END PRIVATE KEY-----', 'latin1');

/**
 * Reads an Ed25519 seed of 32 bytes: in any encoding of a data key, or from PKCS#8 PEM (`openssl genpkey -algorithm
 * ed25519`). No string is made of it.
 *
 * @returns memory of its own, for the caller to overwrite; `bytes` stays the caller's
 * @throws KEY_MALFORMED
 */
export function decodeSeed(bytes: Uint8Array, place: string, raw: boolean): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.indexOf('-----BEGIN') !== 0) return decodeKey(bytes, place, raw);
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
  try {
    const seed = seedOf(der);
    if (seed === undefined) throw malformed(place, 'holds a private key that is not Ed25519');
    if (seed.every((byte) => byte === 0)) throw malformed(place, 'contains a key that is all zeros');
    const own = Buffer.alloc(32);
    own.set(seed);
    return own;
  } finally {
    der.fill(0);
  }
}

function seedOf(der: Buffer): Buffer | undefined {
  const plain = der.length === 48 && der.subarray(0, 16).equals(pkcs8Head);
  const withPublic = der.length === 83 && der.subarray(0, 16).equals(pkcs8HeadWithPublic);
  return plain || withPublic ? der.subarray(16, 48) : undefined;
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
