import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** PKCS#8 (RFC 8410) around a seed of 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

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
