import { Buffer } from './buffer.ts';

/**
 * `createPublicKey` of Node.js, for the one DER spelling of each kind of key that checkpoints are signed with (spec 4). The
 * verifier refuses every other spelling in a log or a verifier key. A PEM with another one is an error that says so.
 */

interface Details {
  readonly namedCurve?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: bigint;
}

export interface PublicKey {
  readonly type: 'public';
  readonly asymmetricKeyType: 'ed25519' | 'ec' | 'rsa';
  readonly asymmetricKeyDetails: Details;
  export(options: { readonly format: 'der' | 'jwk' }): Buffer | { readonly x: string; readonly spki: Buffer };
}

const HEADS = {
  ed25519: '302a300506032b6570032100',
  prime256v1: '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  secp384r1: '3076301006072a8648ce3d020106052b8104002203620004',
} as const;
const RSA = Buffer.from('300d06092a864886f70d0101010500', 'hex');

type Input =
  | string
  | { readonly key: string; readonly format: 'pem' }
  | { readonly key: Buffer; readonly format: 'der' }
  | { readonly key: { readonly spki: Buffer }; readonly format: 'jwk' }; // as `export` gave it

/** It throws where there is no such key, as Node does. */
export function createPublicKey(input: Input): PublicKey {
  if (typeof input === 'string') return fromSpki(bytesOfPem(input));
  switch (input.format) {
    case 'pem':
      return fromSpki(bytesOfPem(input.key));
    case 'der':
      return fromSpki(input.key);
    case 'jwk':
      return fromSpki(input.key.spki);
    default:
      throw new TypeError('a public key is PEM, DER or a JWK');
  }
}

function bytesOfPem(text: string): Buffer {
  const match = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(text);
  const bytes = Buffer.from((match?.[1] ?? '').replaceAll(/\s/g, ''), 'base64');
  if (bytes.length > 0) return bytes;
  throw new Error('this page reads a PEM that begins with -----BEGIN PUBLIC KEY-----');
}

function fromSpki(spki: Buffer): PublicKey {
  const key = point(spki) ?? rsa(spki);
  if (key === undefined) {
    throw new Error('no Ed25519, ECDSA P-256 or P-384, or RSA key in its canonical SubjectPublicKeyInfo encoding');
  }
  return key;
}

function keyOf(type: PublicKey['asymmetricKeyType'], details: Details, spki: Buffer, x: Uint8Array): PublicKey {
  return {
    type: 'public',
    asymmetricKeyType: type,
    asymmetricKeyDetails: details,
    export: ({ format }) =>
      format === 'jwk' ? { x: Buffer.from(x).toString('base64url'), spki: Buffer.from(spki) } : Buffer.from(spki),
  };
}

function point(spki: Buffer): PublicKey | undefined {
  for (const [name, hex] of Object.entries(HEADS)) {
    const head = Buffer.from(hex, 'hex');
    const bytes = spki.subarray(head.length);
    if (!head.equals(spki.subarray(0, head.length))) continue;
    if (name === 'ed25519') return bytes.length === 32 ? keyOf('ed25519', {}, spki, bytes) : undefined;
    const half = name === 'prime256v1' ? 32 : 48;
    if (bytes.length !== 2 * half || !isOnCurve(name, bytes)) return undefined;
    return keyOf('ec', { namedCurve: name }, spki, bytes.subarray(0, half));
  }
  return undefined;
}

function rsa(spki: Buffer): PublicKey | undefined {
  const outer = element(spki, 0, 0x30);
  if (outer === undefined || outer.end !== spki.length) return undefined;
  const bits = element(spki, outer.start + RSA.length, 0x03);
  if (!RSA.equals(spki.subarray(outer.start, outer.start + RSA.length))) return undefined;
  if (bits === undefined || bits.end !== spki.length || spki[bits.start] !== 0) return undefined;
  const pair = element(spki, bits.start + 1, 0x30);
  const n = pair && element(spki, pair.start, 0x02);
  const e = n && element(spki, n.end, 0x02);
  if (pair?.end !== spki.length || e?.end !== spki.length) return undefined;
  const modulus = unsigned(spki.subarray(n?.start, n?.end));
  const publicExponent = unsigned(spki.subarray(e.start, e.end));
  if (modulus === undefined || publicExponent === undefined) return undefined;
  const details = { modulusLength: modulus.toString(2).length, publicExponent };
  return keyOf('rsa', details, spki, spki.subarray(n?.start, n?.end));
}

/** The content of a DER element with this tag, whose length is spelled as DER has it; undefined for any other. */
function element(bytes: Buffer, at: number, tag: number): { readonly start: number; readonly end: number } | undefined {
  const first = bytes[at + 1];
  if (bytes[at] !== tag || first === undefined) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || more > 3) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
  if (more > 0 && (length < 0x80 || bytes[at + 2] === 0)) return undefined;
  const start = at + 2 + more;
  return start + length <= bytes.length ? { start, end: start + length } : undefined;
}

/** A DER integer above zero in its shortest spelling. */
function unsigned(bytes: Buffer): bigint | undefined {
  const [first, second] = bytes;
  if (first === undefined || first >= 0x80) return undefined;
  if (first === 0 && (second === undefined || second < 0x80)) return undefined;
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** The curves of FIPS 186-4 on which checkpoints are signed: y² = x³ - 3x + b modulo p. */
const CURVES: Readonly<Record<string, { readonly p: bigint; readonly b: bigint }>> = {
  prime256v1: {
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  secp384r1: {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
};

/** Whether x and y, side by side, are a point of the curve, each below the prime. */
function isOnCurve(name: string, point: Buffer): boolean {
  const curve = CURVES[name];
  if (curve === undefined) return false;
  const { p, b } = curve;
  const half = point.length / 2;
  const x = BigInt(`0x${point.toString('hex', 0, half)}`);
  const y = BigInt(`0x${point.toString('hex', half)}`);
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}
