import type { Buffer } from './buffer.ts';

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
export function isOnCurve(name: string, point: Buffer): boolean {
  const curve = CURVES[name];
  if (curve === undefined) return false;
  const { p, b } = curve;
  const half = point.length / 2;
  const x = BigInt(`0x${point.toString('hex', 0, half)}`);
  const y = BigInt(`0x${point.toString('hex', half)}`);
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}
