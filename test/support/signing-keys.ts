import { createHmac, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { type MlDsaAlgorithm, mlDsaSpki } from '../../src/core/ml-dsa.ts';
import { formatSignatureLine } from '../../src/format/checkpoint.ts';
import type { Signer } from '../../src/format/key-reference.ts';
import { noteKeyOf } from '../../src/format/key-reference.ts';
import { type NoteKey, noteKeyId } from '../../src/format/vkey.ts';
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

/** `cosigned_message` of C2SP tlog-cosignature, put together byte by byte. */
export function cosignedStructure(name: string, time: bigint, text: string): Buffer {
  const [origin = '', size = '', root = ''] = text.split('\n');
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
  const short = (part: string): Buffer => Buffer.from(`${String.fromCharCode(part.length)}${part}`, 'latin1');
  return Buffer.concat([
    Buffer.from('737562747265652f76310a00', 'hex'),
    short(name),
    Buffer.from(hex(time), 'hex'),
    short(origin),
    Buffer.from(hex(0n) + hex(BigInt(size)), 'hex'),
    Buffer.from(root, 'base64'),
  ]);
}

/** The signature line of a key of the log, under the origin that the text begins with. `time` is of ML-DSA-44. */
export function logSignatureLine(key: SigningKey, text: string, time = 0n): string {
  const origin = text.slice(0, text.indexOf('\n'));
  const id = noteKeyId(origin, key.noteKey);
  if (key.signer.algorithm !== 'ml-dsa-44') return formatSignatureLine(origin, id, key.sign(Buffer.from(text)));
  const before = Buffer.from(time.toString(16).padStart(16, '0'), 'hex');
  const signature = key.sign(cosignedStructure(origin, time, text));
  return formatSignatureLine(origin, id, Buffer.concat([before, signature]));
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
