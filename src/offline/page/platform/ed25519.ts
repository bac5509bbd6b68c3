import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';

/**
 * Takes the place of `core/ed25519.ts`, which answers at once and Web Crypto does not: RFC 8032, 5.1.7, without cofactors and
 * with R compared as bytes, as OpenSSL does it.
 */

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

/** As `verifyEd25519` of `core/ed25519.ts`. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const [key, sign, data] = [publicKey, signature, message].map((bytes) => new Uint8Array(bytes)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const r = sign.subarray(0, 32);
  const s = littleEndian(sign.subarray(32));
  if (s >= ORDER) return false;
  const k = littleEndian(sha512(new Uint8Array([...r, ...key, ...data]))) % ORDER;
  const own = Point.BASE.multiplyUnsafe(s).subtract(pointOf(key).multiplyUnsafe(k));
  return own.toBytes().every((byte, at) => byte === r[at]);
}

/** @throws Error for bytes that are no point; a witness's key was checked when it was named */
function pointOf(key: Uint8Array): InstanceType<typeof Point> {
  return Point.fromBytes(key, true);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
