import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { isEd25519Point } from '../core/ed25519-point.ts';
import { mlDsaOf } from '../core/ml-dsa.ts';
import { canonicalSpki, rsaFault } from '../core/spki.ts';
import { TamperError } from '../errors.ts';
import type { SignatureAlgorithm } from './provider.ts';

export { canonicalSpki };

/** A public key as DER SubjectPublicKeyInfo, as PEM text, as a JWK, or as Node has it. */
export type PublicKeyInput = Uint8Array | string | webcrypto.JsonWebKey | KeyObject;

/**
 * Reads a public key that every Node.js has a type for: not one of ML-DSA. Trailing bytes, other key types than Ed25519, EC P-256/P-384 and RSA, and RSA of other than 2,048 to
 * 8,192 bits are refused, and so are points of Ed25519 that are of small order or not below the prime.
 *
 * @param what - the key's name, for the message
 * @throws {TamperError} `KEY_MALFORMED`: unreadable; `KEY_WRONG_USAGE`: of a kind that no {@link SignatureAlgorithm} uses
 */
export function readPublicKey(input: PublicKeyInput, what: string): KeyObject {
  if (mlDsaSpkiOf(input) !== undefined) throw wrongUsage(what, 'is a key of ML-DSA');
  const key = importKey(input, what);
  if (key.type !== 'public') throw new TamperError('KEY_WRONG_USAGE', `${what} is a ${key.type} key, not a public key`);
  const algorithm = algorithmOf(key, 'pss', what); // refuses what no algorithm uses
  if (algorithm === 'ed25519' && !isEd25519Point(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'))) {
    throw wrongUsage(what, 'is a weak point, for which anyone can make signatures');
  }
  return key;
}

/**
 * Any spelling of a public key as its canonical SPKI: {@link readPublicKey} and {@link canonicalSpki} in one step; of ML-DSA
 * DER, PEM or what Node has (RFC 9881 has one encoding only).
 *
 * @throws as {@link readPublicKey}
 */
export function toCanonicalSpki(input: PublicKeyInput, what: string): Buffer {
  return mlDsaSpkiOf(input) ?? canonicalSpki(readPublicKey(input, what));
}

/** The canonical SPKI of a public key of ML-DSA, which not every Node.js reads; undefined where it is none. */
function mlDsaSpkiOf(input: PublicKeyInput): Buffer | undefined {
  let spki: Buffer | undefined;
  if (input instanceof Uint8Array) spki = Buffer.from(input);
  else if (typeof input === 'string') {
    const body = /-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(input)?.[1];
    spki = body === undefined ? undefined : Buffer.from(body, 'base64');
  } else if (isKeyObject(input)) {
    const type: string | undefined = input.asymmetricKeyType;
    if (input.type === 'public' && type?.startsWith('ml-dsa-') === true) {
      spki = input.export({ format: 'der', type: 'spki' });
    }
  }
  return spki !== undefined && mlDsaOf(spki) !== undefined ? spki : undefined;
}

/**
 * Reads an SPKI that must already be in its canonical spelling, as one from a log must. Not one of ML-DSA.
 *
 * @throws {TamperError} `KEY_MALFORMED`: unreadable, or spelled otherwise (trailing bytes, compressed point, …)
 */
export function readCanonicalSpki(spki: Uint8Array, what: string): KeyObject {
  const key = readPublicKey(spki, what);
  if (!canonicalSpki(key).equals(spki)) {
    throw new TamperError('KEY_MALFORMED', `${what} is not in the canonical SubjectPublicKeyInfo encoding`);
  }
  return key;
}

/**
 * The signature algorithm of a public or private key.
 *
 * @param rsa - which padding an RSA key is used with
 * @throws {TamperError} `KEY_WRONG_USAGE`: another key type or curve, or RSA below 2,048 bits
 */
export function algorithmOf(key: KeyObject, rsa: 'pss' | 'pkcs1', what: string): SignatureAlgorithm {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'ed25519';
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return 'ecdsa-p256-sha256';
      if (details?.namedCurve === 'secp384r1') return 'ecdsa-p384-sha384';
      throw wrongUsage(what, `is on the curve ${details?.namedCurve ?? 'with explicit parameters'}`);
    case 'rsa': {
      const fault = rsaFault(details);
      if (fault !== undefined) throw wrongUsage(what, fault);
      return rsa === 'pss' ? 'rsa-pss-sha256' : 'rsa-pkcs1-sha256';
    }
    default:
      throw wrongUsage(what, `is of type ${key.asymmetricKeyType ?? key.type}`);
  }
}

function wrongUsage(what: string, fault: string): TamperError {
  return new TamperError('KEY_WRONG_USAGE', `${what} ${fault}`, {
    hint: 'Signing keys are Ed25519, ECDSA on P-256 or P-384, RSA (rsaEncryption) of 2,048 to 8,192 bits, or ML-DSA-44 and -65.',
  });
}

function importKey(input: PublicKeyInput, what: string): KeyObject {
  if (isKeyObject(input)) return input;
  try {
    if (typeof input === 'string') return createPublicKey({ key: input, format: 'pem' });
    if (input instanceof Uint8Array) {
      const der = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
      const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
      assertWholeSequence(der, what);
      return key;
    }
    return createPublicKey({ key: { ...input }, format: 'jwk' });
  } catch (cause) {
    if (cause instanceof TamperError) throw cause;
    throw new TamperError('KEY_MALFORMED', `${what} is not a readable public key`, { cause });
  }
}

/** Node ignores bytes after the DER sequence; we do not. */
function assertWholeSequence(der: Buffer, what: string): void {
  const first = der[1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const content = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  if (2 + lengthBytes + content !== der.length) {
    throw new TamperError('KEY_MALFORMED', `${what} has bytes after the key`);
  }
}

function isKeyObject(input: PublicKeyInput): input is KeyObject {
  return typeof input === 'object' && 'asymmetricKeyType' in input && 'export' in input;
}
