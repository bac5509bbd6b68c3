import { createPublicKey, type KeyObject } from 'node:crypto';
import { ED25519_SPKI_HEAD, isEd25519Point } from '../core/ed25519-point.ts';
import { digestBytes, sha256 } from '../core/hash.ts';
import { isMlDsa, mlDsaOf, mlDsaPublicKey, mlDsaSpki } from '../core/ml-dsa.ts';
import { canonicalSpki, rsaFault } from '../core/spki.ts';
import { isError, TamperError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** Signature algorithms by the names that go into the log (spec 2, `A`). */
export const SIGNATURE_ALGORITHMS = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
  'rsa-pkcs1-sha256',
  'ml-dsa-44',
  'ml-dsa-65',
  'kms-hmac-sha256',
] as const;

/** A name of {@link SIGNATURE_ALGORITHMS}. */
export type NoteAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

/** Whether `name` is an algorithm of this format version. */
export function isNoteAlgorithm(name: string): name is NoteAlgorithm {
  return (SIGNATURE_ALGORITHMS as readonly string[]).includes(name);
}

/**
 * Note verifier keys (C2SP signed-note): `name+HEX OF THE KEY ID+base64(TYPE ‖ KEY)`, and the key ids of spec 4.
 * A key's type and bytes are what counts; name and id are recomputed for each origin.
 */

/** The prefix of our signature identifiers of type 0xff. */
const IDENTIFIER_PREFIX = 'fapilog-tamper/v1/';
/** What stands between 0xff and a key of RSA PKCS#1 v1.5, as Sigstore has it: no LF follows. */
const RSA_PKCS1 = Buffer.from('\xffPKIX-RSA-PKCS#1v1.5', 'latin1');
const RATCHET = 'ratchet-hmac-sha256';
/** The canonical SPKI of a point of these curves: what stands before its coordinates, and their length. */
const POINTS: Readonly<Partial<Record<NoteAlgorithm, { readonly head: Buffer; readonly length: number }>>> = {
  'ecdsa-p256-sha256': {
    head: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    length: 64,
  },
  'ecdsa-p384-sha384': { head: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'), length: 96 },
};
const LF = Buffer.from('\n', 'latin1');

/** A public key that can verify notes, or the identity of a MAC key that its service can verify with. */
export interface NoteKey {
  readonly algorithm: NoteAlgorithm;
  /** DER SubjectPublicKeyInfo; for `kms-hmac-sha256` the UTF-8 bytes of the key's identity. */
  readonly bytes: Buffer;
}

function typed(identifier: string, key: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(0xff), Buffer.from(identifier, 'latin1'), LF, key]);
}

/** TYPE ‖ KEY: what stands in a vkey, and what an Ed25519 or 0xff key id is computed over. */
export function encodeNoteKey(key: NoteKey): Buffer {
  if (key.algorithm === 'ed25519') {
    return Buffer.concat([Uint8Array.of(0x01), key.bytes.subarray(ED25519_SPKI_HEAD.length)]);
  }
  if (key.algorithm === 'ecdsa-p256-sha256') return Buffer.concat([Uint8Array.of(0x02), key.bytes]);
  if (key.algorithm === 'ml-dsa-44') {
    return Buffer.concat([Uint8Array.of(0x06), mlDsaPublicKey(key.algorithm, key.bytes)]);
  }
  if (key.algorithm === 'rsa-pkcs1-sha256') return Buffer.concat([RSA_PKCS1, key.bytes]);
  return typed(IDENTIFIER_PREFIX + key.algorithm, key.bytes);
}

function idOver(...parts: Uint8Array[]): Buffer {
  return digestBytes(sha256(Buffer.concat(parts))).subarray(0, 4);
}

/** The key id of a note key under `name`: 4 bytes. For ECDSA P-256 the name is not in it (C2SP signed-note) (M4.2). */
export function noteKeyId(name: string, key: NoteKey): Buffer {
  if (key.algorithm === 'ecdsa-p256-sha256') return idOver(key.bytes);
  return idOver(Buffer.from(name, 'utf8'), LF, encodeNoteKey(key));
}

/** The key id of our own MAC over a checkpoint: 4 bytes over origin, identifier and the epoch's fingerprint (spec 4). */
export function ratchetKeyId(origin: string, fingerprint: Uint8Array): Buffer {
  return idOver(Buffer.from(origin, 'utf8'), LF, typed(IDENTIFIER_PREFIX + RATCHET, fingerprint));
}

/** The vkey of a note key under `name`. */
export function formatVkey(name: string, key: NoteKey): string {
  return `${name}+${noteKeyId(name, key).toString('hex')}+${encodeBase64(encodeNoteKey(key))}`;
}

/** The one DER spelling of a public key that this algorithm verifies with (EC points uncompressed), or undefined. */
export function spkiFor(algorithm: NoteAlgorithm, spki: Uint8Array): Buffer | undefined {
  // this is the one spelling of a key of Ed25519: logs name the same key in each open
  if (algorithm === 'ed25519' && spki.length === 44 && ED25519_SPKI_HEAD.equals(spki.subarray(0, 12))) {
    return isEd25519Point(spki.subarray(12)) ? Buffer.from(spki) : undefined;
  }
  if (isMlDsa(algorithm) || mlDsaOf(spki) !== undefined) {
    return mlDsaOf(spki) === algorithm ? Buffer.from(spki) : undefined; // not every Node.js reads it
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (error) {
    if (isError(error)) return undefined; // node:crypto's word for "no public key"
    throw error;
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const fits =
    (algorithm === 'ed25519' && key.asymmetricKeyType === 'ed25519') ||
    (algorithm === 'ecdsa-p256-sha256' && curve === 'prime256v1') ||
    (algorithm === 'ecdsa-p384-sha384' && curve === 'secp384r1') ||
    (algorithm.startsWith('rsa-') &&
      key.asymmetricKeyType === 'rsa' &&
      rsaFault(key.asymmetricKeyDetails) === undefined);
  if (!fits) return undefined;
  if (isUncompressedPoint(algorithm, spki)) return Buffer.from(spki);
  return canonicalSpki(key);
}

/** Whether it is spelled as the canonical SPKI of a point is; that there is such a point is another question. */
function isUncompressedPoint(algorithm: NoteAlgorithm, spki: Uint8Array): boolean {
  const point = POINTS[algorithm];
  if (point === undefined || spki.length !== point.head.length + point.length) return false;
  return point.head.equals(spki.subarray(0, point.head.length));
}

function decodeNoteKey(encoded: Buffer): NoteKey | undefined {
  const type = encoded[0];
  const rest = encoded.subarray(1);
  if (type === 0x01) {
    return isEd25519Point(rest) ? { algorithm: 'ed25519', bytes: Buffer.concat([ED25519_SPKI_HEAD, rest]) } : undefined;
  }
  if (type === 0x02) return spkiKey('ecdsa-p256-sha256', rest);
  if (type === 0x06) {
    const bytes = mlDsaSpki('ml-dsa-44', rest);
    return bytes && { algorithm: 'ml-dsa-44', bytes };
  }
  if (RSA_PKCS1.equals(encoded.subarray(0, RSA_PKCS1.length))) {
    return spkiKey('rsa-pkcs1-sha256', encoded.subarray(RSA_PKCS1.length));
  }
  const lf = rest.indexOf(0x0a);
  const identifier = rest.toString('latin1', 0, Math.max(lf, 0));
  const algorithm = identifier.slice(IDENTIFIER_PREFIX.length);
  if (type !== 0xff || !identifier.startsWith(IDENTIFIER_PREFIX) || !isNoteAlgorithm(algorithm)) return undefined;
  const bytes = Buffer.from(rest.subarray(lf + 1));
  const key = algorithm === 'kms-hmac-sha256' ? { algorithm, bytes } : spkiKey(algorithm, bytes);
  return key && encodeNoteKey(key).equals(encoded) ? key : undefined; // some have other types
}

function spkiKey(algorithm: NoteAlgorithm, spki: Buffer): NoteKey | undefined {
  const bytes = spkiFor(algorithm, spki);
  return bytes?.equals(spki) ? { algorithm, bytes } : undefined;
}

/** The parts of a verifier key. */
export interface VkeyParts {
  readonly name: string;
  /** 8 hex digits, not compared with anything yet. */
  readonly keyId: string;
  /** TYPE ‖ KEY. */
  readonly encoded: Buffer;
}

/** Takes a vkey apart, or says what is wrong with it; the words never quote it, for it may be another key than was meant. */
export function vkeyParts(vkey: string): VkeyParts | string {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(vkey);
  if (match === null) return 'it does not have the three parts NAME+ID+KEY';
  const [, name, keyId, base64] = match as unknown as [string, string, string, string];
  const encoded = decodeBase64(base64);
  return encoded === undefined ? 'its key is not canonical base64' : { name, keyId, encoded };
}

function readVkey(vkey: string): { name: string; key: NoteKey } | string {
  const parts = vkeyParts(vkey);
  if (typeof parts === 'string') return parts;
  const { name, keyId, encoded } = parts;
  const key = decodeNoteKey(encoded);
  if (key === undefined) return 'its key is of a type that this version does not know';
  if (noteKeyId(name, key).toString('hex') !== keyId) return 'its id does not match its name and key';
  return { name, key };
}

/** What is wrong with a vkey; undefined if nothing is. */
export function vkeyProblem(vkey: string): string | undefined {
  const read = readVkey(vkey);
  return typeof read === 'string' ? read : undefined;
}

/**
 * Reads a vkey.
 *
 * @param place - where it stands, for the message
 * @throws {@link TamperError} `FORMAT_INVALID`
 */
export function parseVkey(vkey: string, place = 'a key that was named'): { name: string; key: NoteKey } {
  const read = readVkey(vkey);
  if (typeof read !== 'string') return read;
  throw new TamperError('FORMAT_INVALID', `${place} is not a verifier key: ${read}`, {
    hint: 'A verifier key has the form NAME+8 HEX DIGITS+BASE64, as keygen and verify print it.',
  });
}
