// ECDSA over a ready digest (FIPS 186-5 section 6.4). node:crypto always hashes first, and the service signs digests,
// so a test server needs its own. Not constant in time: for keys that live for one test run and nothing else.
import { createECDH, randomBytes } from 'node:crypto';

const CURVES = {
  'P-256': {
    name: 'prime256v1',
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    gx: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    gy: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  'P-384': {
    name: 'secp384r1',
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    gx: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    gy: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
};

const mod = (value, m) => ((value % m) + m) % m;
const toInt = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
const toBytes = (value, length) => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');

function inverse(value, m) {
  let [a, b, x, y] = [mod(value, m), m, 1n, 0n];
  while (a > 1n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return mod(x, m);
}

/** Both curves have a = -3. Points are [x, y], the point at infinity is null. */
function add(P, Q, p) {
  if (P === null) return Q;
  if (Q === null) return P;
  const [x1, y1] = P;
  const [x2, y2] = Q;
  if (x1 === x2 && mod(y1 + y2, p) === 0n) return null;
  const slope = x1 === x2 ? mod((3n * x1 * x1 - 3n) * inverse(2n * y1, p), p) : mod((y2 - y1) * inverse(x2 - x1, p), p);
  const x3 = mod(slope * slope - x1 - x2, p);
  return [x3, mod(slope * (x1 - x3) - y1, p)];
}

function multiply(k, P, p) {
  let result = null;
  for (let left = k, doubled = P; left > 0n; left >>= 1n, doubled = add(doubled, doubled, p)) {
    if (left & 1n) result = add(result, doubled, p);
  }
  return result;
}

/** The leftmost bits of the digest, as many as the order has. */
function truncate(digest, curve) {
  return toInt(Buffer.from(digest).subarray(0, curve.bytes));
}

/**
 * Signs a digest.
 *
 * @param {'P-256' | 'P-384'} crv @param {Uint8Array} d the private scalar @param {Uint8Array} digest
 * @returns {Buffer} r and s side by side (IEEE P1363)
 */
export function ecdsaSign(crv, d, digest) {
  const curve = CURVES[crv];
  const e = truncate(digest, curve);
  for (;;) {
    const k = mod(toInt(randomBytes(curve.bytes + 8)), curve.n);
    if (k === 0n) continue;
    const ephemeral = createECDH(curve.name); // k times the base point, natively
    ephemeral.setPrivateKey(toBytes(k, curve.bytes));
    const r = mod(toInt(ephemeral.getPublicKey().subarray(1, 1 + curve.bytes)), curve.n);
    const s = mod(inverse(k, curve.n) * (e + r * toInt(d)), curve.n);
    if (r !== 0n && s !== 0n) return Buffer.concat([toBytes(r, curve.bytes), toBytes(s, curve.bytes)]);
  }
}

/** Checks a P1363 signature over a digest. @returns {boolean} */
export function ecdsaVerify(crv, x, y, digest, signature) {
  const curve = CURVES[crv];
  if (signature.length !== curve.bytes * 2) return false;
  const r = toInt(signature.subarray(0, curve.bytes));
  const s = toInt(signature.subarray(curve.bytes));
  if (r <= 0n || r >= curve.n || s <= 0n || s >= curve.n) return false;
  const w = inverse(s, curve.n);
  const u1 = mod(truncate(digest, curve) * w, curve.n);
  const u2 = mod(r * w, curve.n);
  const point = add(multiply(u1, [curve.gx, curve.gy], curve.p), multiply(u2, [toInt(x), toInt(y)], curve.p), curve.p);
  return point !== null && mod(point[0], curve.n) === r;
}
