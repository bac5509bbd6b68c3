import { type PublicKeyInput, type SignatureAlgorithm, TamperError, toCanonicalSpki } from 'fapilog-tamper/keys';
import {
  CKA_CLASS,
  CKA_EC_PARAMS,
  CKA_EC_POINT,
  CKA_ID,
  CKA_LABEL,
  CKA_MODULUS,
  CKA_PUBLIC_EXPONENT,
  CKK_EC,
  CKK_EC_EDWARDS,
  CKK_RSA,
  CKO_PUBLIC_KEY,
} from './cryptoki.ts';
import { attributeOf, isHmac, type KeyObject, objectsWith } from './key-objects.ts';
import type { Session } from './library.ts';

/** What a key signs with, and its public key; one that computes HMACs has none. */
export interface SigningKind {
  readonly algorithm: SignatureAlgorithm;
  readonly spki?: Buffer;
}

interface Curve {
  readonly algorithm: 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'ed25519';
  readonly name: string;
  /** The length of a coordinate, in bytes. */
  readonly bytes: number;
}

const ed25519: Curve = { algorithm: 'ed25519', name: 'Ed25519', bytes: 32 };

/** By CKA_EC_PARAMS: an object identifier, or for Ed25519 the curve's name as well. */
const CURVES: Readonly<Record<string, Curve>> = {
  '06082a8648ce3d030107': { algorithm: 'ecdsa-p256-sha256', name: 'P-256', bytes: 32 },
  '06052b81040022': { algorithm: 'ecdsa-p384-sha384', name: 'P-384', bytes: 48 },
  '06032b6570': ed25519,
  '06092b06010401da470f01': ed25519,
  '130c656477617264733235353139': ed25519,
};

/**
 * @throws KEY_WRONG_USAGE if no algorithm of the format is one of this key; KEY_NOT_FOUND, KEY_MALFORMED for its public key
 */
export function signingKind(session: Session, key: KeyObject, rsaPadding: 'pss' | 'pkcs1'): SigningKind {
  if (!key.isPrivateKey && isHmac(key.type)) return { algorithm: 'kms-hmac-sha256' };
  if (key.type === CKK_RSA) {
    return { algorithm: `rsa-${rsaPadding}-sha256`, spki: toCanonicalSpki(rsaKey(session, key), key.identity) };
  }
  const params = attributeOf(session, key.handle, CKA_EC_PARAMS)?.toString('hex') ?? '';
  const curve = key.type === CKK_EC || key.type === CKK_EC_EDWARDS ? CURVES[params] : undefined;
  if (curve === undefined) {
    throw new TamperError('KEY_WRONG_USAGE', `PKCS#11 key ${key.identity} is of a kind that cannot sign a log`, {
      hint: 'Signing keys are EC keys on P-256 or P-384, Ed25519 keys, RSA keys, and generic secrets for HMAC.',
    });
  }
  const jwk = curveKey(curve, pointOf(session, key), key.identity);
  return { algorithm: curve.algorithm, spki: toCanonicalSpki(jwk, key.identity) };
}

function rsaKey(session: Session, { handle, identity }: KeyObject): PublicKeyInput {
  const modulus = attributeOf(session, handle, CKA_MODULUS);
  const exponent = attributeOf(session, handle, CKA_PUBLIC_EXPONENT) ?? Buffer.from([1, 0, 1]);
  if (modulus === undefined) throw malformed(identity, 'has no modulus');
  return { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
}

/** CKA_EC_POINT of the public key object beside it. Versions of other keys may have the same CKA_ID, so the label must be the same too. */
function pointOf(session: Session, { id, name, identity }: KeyObject): Buffer {
  const found = objectsWith(session, [
    { type: CKA_CLASS, value: CKO_PUBLIC_KEY },
    { type: CKA_LABEL, value: name },
    { type: CKA_ID, value: id },
  ]);
  const points = found.flatMap((handle) => attributeOf(session, handle, CKA_EC_POINT) ?? []);
  const [point] = points;
  if (point === undefined) {
    throw new TamperError('KEY_NOT_FOUND', `PKCS#11 key ${identity} has no public key beside it`, {
      hint: 'Put the public key into the token as an object with the same CKA_ID and label.',
    });
  }
  if (points.some((other) => !other.equals(point))) throw malformed(identity, 'has several public keys beside it');
  return point;
}

function curveKey({ algorithm, name, bytes }: Curve, point: Buffer, identity: string): PublicKeyInput {
  const length = algorithm === 'ed25519' ? bytes : 2 * bytes + 1;
  // a DER OCTET STRING with the point in it; some tokens give the point alone
  const isWrapped = point.length === length + 2 && point[0] === 0x04 && point[1] === length;
  const raw = isWrapped ? point.subarray(2) : point;
  if (raw.length !== length) throw malformed(identity, `has a public key of ${raw.length} bytes instead of ${length}`);
  const text = (from: number): string => raw.subarray(from, from + bytes).toString('base64url');
  if (algorithm === 'ed25519') return { kty: 'OKP', crv: name, x: text(0) };
  if (raw[0] !== 0x04) throw malformed(identity, 'has a compressed public key');
  return { kty: 'EC', crv: name, x: text(1), y: text(1 + bytes) };
}

function malformed(identity: string, problem: string): TamperError {
  return new TamperError('KEY_MALFORMED', `PKCS#11 key ${identity} ${problem}`, {
    hint: 'Check the attributes of the key and of the public key with the same CKA_ID.',
  });
}
