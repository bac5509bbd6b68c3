import { createHmac, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { type MlDsaAlgorithm, mlDsaSpki } from '../../src/core/ml-dsa.ts';
import type { Signer } from '../../src/format/key-reference.ts';
import { noteKeyOf } from '../../src/format/key-reference.ts';
import type { NoteKey } from '../../src/format/vkey.ts';
import { formatVkey } from '../../src/index.ts';
import { signLocally } from '../../src/keys/signature.ts';

/** Keys of fixed bytes that sign checkpoints in tests and vectors. They protect nothing. */
export interface SigningKey {
  readonly signer: Signer;
  readonly noteKey: NoteKey;
  sign(text: Uint8Array): Buffer;
}

/** 32 bytes that a name stands for. */
export function fixedBytes(name: string): Buffer {
  return digestBytes(sha256(`fapilog-tamper vectors: ${name}`));
}

export function ed25519Key(name: string): SigningKey {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), fixedBytes(name)]);
  return localKey('ed25519', createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

/** Where signatures that are not deterministic come from: once made, they are kept. */
export type Keep = (text: Uint8Array, make: () => Buffer) => Buffer;

/** A local private key. `keep` is for algorithms whose signatures are random. */
export function localKey(
  algorithm: Exclude<Signer['algorithm'], 'kms-hmac-sha256' | MlDsaAlgorithm>,
  privateKey: KeyObject,
  keep: Keep = (_text, make) => make(),
): SigningKey {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const identity = `sha256:${digestBytes(sha256(spki)).toString('hex')}`;
  const signer: Signer = { source: 'file', identity, algorithm, spki };
  return {
    signer,
    noteKey: noteKeyOf(signer),
    sign: (text) => keep(text, () => signLocally(algorithm, privateKey, text)),
  };
}

/** A key of ML-DSA, made from the bytes that a name stands for; it signs deterministically (FIPS 204, algorithm 2, rnd of zeros). */
export function mlDsaKey(algorithm: MlDsaAlgorithm, name: string): SigningKey {
  const noble = algorithm === 'ml-dsa-44' ? ml_dsa44 : ml_dsa65;
  const { secretKey, publicKey } = noble.keygen(new Uint8Array(fixedBytes(name)));
  const spki = mlDsaSpki(algorithm, publicKey);
  if (spki === undefined) throw new Error(`a key of ${algorithm} has another length`);
  const identity = `sha256:${digestBytes(sha256(spki)).toString('hex')}`;
  const signer: Signer = { source: 'file', identity, algorithm, spki };
  const sign = (text: Uint8Array): Buffer =>
    Buffer.from(noble.sign(new Uint8Array(text), secretKey, { extraEntropy: false }));
  return { signer, noteKey: noteKeyOf(signer), sign };
}

/** A MAC key of a key service: only who has the key can check it. */
export function serviceMacKey(name: string): SigningKey & { readonly secret: Buffer } {
  const secret = fixedBytes(name);
  const signer: Signer = { source: 'vault', identity: `transit/keys/${name}:1`, algorithm: 'kms-hmac-sha256' };
  const sign = (text: Uint8Array): Buffer => createHmac('sha256', secret).update(text).digest();
  return { signer, noteKey: noteKeyOf(signer), sign, secret };
}

/** The vkey of a signing key under an origin. */
export function vkeyOf(origin: string, key: SigningKey): string {
  return formatVkey(origin, key.noteKey);
}
