import crypto, { type KeyObject } from 'node:crypto';

/** How many keys are remembered. */
const ROOM = 4_096;

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
const known = new Map<string, KeyObject>();
const spkiOf = new WeakMap<KeyObject, Uint8Array>();

function createPublicKey(given: crypto.PublicKeyInput): KeyObject {
  const { key, format, type } = given;
  if (!(key instanceof Uint8Array)) return crypto.createPublicKey(given);
  const name = `${format} ${type} ${text(key)}`;
  let made = known.get(name);
  if (made === undefined) {
    made = crypto.createPublicKey(given);
    spkiOf.set(made, Buffer.from(key));
    if (known.size >= ROOM) known.clear();
    known.set(name, made);
  }
  return made;
}

/**
 * What the simulated key service signs with. It is no signature: whoever knows the public key can make it. The code of the
 * writer does not, and an Ed25519 signature for each checkpoint takes an eighth of a schedule.
 */
export function signatureBy(spki: Uint8Array, data: Uint8Array): Buffer {
  return crypto.createHash('sha512').update(spki).update(data).digest();
}

/** Whether bytes are such a signature, or one that the key has made. */
export function isSignature(spki: Uint8Array, data: Uint8Array, bytes: Uint8Array): boolean {
  if (signatureBy(spki, data).equals(bytes)) return true;
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return crypto.verify(null, data, key, bytes);
}

function verify(
  digest: string | null,
  data: Uint8Array,
  given: crypto.VerifyKeyObjectInput,
  bytes: Uint8Array,
): boolean {
  const spki = spkiOf.get(given.key);
  return spki === undefined ? crypto.verify(digest, data, given, bytes) : isSignature(spki, data, bytes);
}

/** `node:crypto`, with public keys that are made once, and the signatures of the simulated key service. */
export const simulatedCrypto: typeof crypto = { ...crypto, createPublicKey, verify } as never;
