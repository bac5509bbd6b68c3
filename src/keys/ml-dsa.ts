import { createPrivateKey, createPublicKey, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import { ML_DSA, type MlDsaAlgorithm, mlDsaPublicKey, mlDsaSpki } from '../core/ml-dsa.ts';
import { isError, TamperError } from '../errors.ts';

export { isMlDsa, ML_DSA_ALGORITHMS, type MlDsaAlgorithm, mlDsaSpki } from '../core/ml-dsa.ts';

/**
 * ML-DSA (FIPS 204), pure and with an empty context. Node computes it itself where its OpenSSL can (Node 24 and newer as they
 * are distributed), else @noble/post-quantum does, which is loaded only then. This is the one place that decides.
 */

type Noble = typeof import('@noble/post-quantum/ml-dsa.js')['ml_dsa65'];

let native: boolean | undefined;

/** Whether this Node.js has ML-DSA: found out by asking it for a key, for its OpenSSL may be of another version than usual. */
export function hasNativeMlDsa(): boolean {
  native ??= (['ml-dsa-44', 'ml-dsa-65'] as const).every((algorithm) => {
    const { spkiHead, publicKeyBytes } = ML_DSA[algorithm];
    try {
      const key = Buffer.concat([spkiHead, Buffer.alloc(publicKeyBytes)]);
      const type: string | undefined = createPublicKey({ key, format: 'der', type: 'spki' }).asymmetricKeyType;
      return type === algorithm;
    } catch (error) {
      if (isError(error)) return false; // node:crypto's word for an algorithm that it does not know
      throw error;
    }
  });
  return native;
}

/** @throws {TamperError} `DEPENDENCY_MISSING` */
async function loadNoble(algorithm: MlDsaAlgorithm): Promise<Noble> {
  try {
    const { ml_dsa44, ml_dsa65 } = await import('@noble/post-quantum/ml-dsa.js');
    return algorithm === 'ml-dsa-44' ? ml_dsa44 : ml_dsa65;
  } catch (cause) {
    throw new TamperError('DEPENDENCY_MISSING', `${algorithm} needs Node.js 24, or the package @noble/post-quantum`, {
      cause,
      hint: 'It is a dependency of fapilog-tamper: install that again, or use Node.js 24 or newer.',
    });
  }
}

/** @noble/post-quantum copies with `slice`, which of a Buffer is no copy. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Verifies a signature of ML-DSA over `data` itself, with an empty context.
 *
 * @param spki - the canonical SPKI of a key of this algorithm
 * @param implementation - for tests that compare the two; default: this Node.js where it can
 * @returns false only for a signature that is not one of this key over this data
 * @throws {TamperError} `DEPENDENCY_MISSING`: nothing here can check it
 */
export async function verifyMlDsa(
  algorithm: MlDsaAlgorithm,
  spki: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
  implementation: 'native' | 'noble' = hasNativeMlDsa() ? 'native' : 'noble',
): Promise<boolean> {
  if (signature.length !== ML_DSA[algorithm].signatureBytes) return false;
  if (implementation === 'native') {
    return verify(null, data, createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }), signature);
  }
  const noble = await loadNoble(algorithm);
  return noble.verify(plain(signature), plain(data), plain(mlDsaPublicKey(algorithm, spki)));
}

/**
 * Signs `data` itself with ML-DSA, hedged (FIPS 204, algorithm 2), with an empty context.
 *
 * @param seed - the 32 secret bytes that the key is made from (FIPS 204, algorithm 1). They stay the caller's to overwrite;
 * what is made from them here is overwritten, where it is not kept by OpenSSL
 * @returns 2,420 bytes of ML-DSA-44, 3,309 of ML-DSA-65
 * @throws {TamperError} `DEPENDENCY_MISSING`
 */
export async function signMlDsa(algorithm: MlDsaAlgorithm, seed: Uint8Array, data: Uint8Array): Promise<Buffer> {
  if (hasNativeMlDsa()) return withNativeKey(algorithm, seed, (key) => sign(null, data, key));
  const own = Uint8Array.from(seed); // its owner may overwrite it while the package is loaded
  try {
    const noble = await loadNoble(algorithm);
    const { secretKey } = noble.keygen(own);
    const signature = Buffer.from(noble.sign(plain(data), secretKey));
    secretKey.fill(0);
    return signature;
  } finally {
    own.fill(0);
  }
}

/**
 * The canonical SPKI of the public key that a seed of 32 bytes makes.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`
 */
export async function mlDsaSpkiOfSeed(algorithm: MlDsaAlgorithm, seed: Uint8Array): Promise<Buffer> {
  if (hasNativeMlDsa()) {
    return withNativeKey(algorithm, seed, (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }));
  }
  const { secretKey, publicKey } = (await loadNoble(algorithm)).keygen(plain(seed));
  secretKey.fill(0);
  const spki = mlDsaSpki(algorithm, publicKey);
  if (spki === undefined) throw new TamperError('INTERNAL', `a public key of ${algorithm} has another length`);
  return spki;
}

/** Bytes of an expanded private key (FIPS 204, table 2). */
const EXPANDED_BYTES: Readonly<Record<MlDsaAlgorithm, number>> = { 'ml-dsa-44': 2560, 'ml-dsa-65': 4032 };

/**
 * PKCS #8 of a private key of ML-DSA in one of the three forms of RFC 9881, section 6: all that stands before the seed, or
 * before the expanded key where there is no seed, and the length of the whole. With both, 4 bytes stand between the two.
 */
export function mlDsaPkcs8Head(
  algorithm: MlDsaAlgorithm,
  form: 'seed' | 'both' | 'expanded',
): { readonly head: Buffer; readonly length: number } {
  const expanded = derHead(0x04, EXPANDED_BYTES[algorithm]);
  const key = {
    seed: { head: Buffer.from('8020', 'hex'), rest: 32 },
    both: {
      head: Buffer.concat([
        derHead(0x30, 34 + expanded.length + EXPANDED_BYTES[algorithm]),
        Buffer.from('0420', 'hex'),
      ]),
      rest: 32 + expanded.length + EXPANDED_BYTES[algorithm],
    },
    expanded: { head: expanded, rest: EXPANDED_BYTES[algorithm] },
  }[form];
  const identifier = ML_DSA[algorithm].spkiHead.subarray(4, 17);
  const octets = derHead(0x04, key.head.length + key.rest);
  const body = Buffer.concat([Buffer.from('020100', 'hex'), identifier, octets, key.head]);
  const head = Buffer.concat([derHead(0x30, body.length + key.rest), body]);
  return { head, length: head.length + key.rest };
}

/** Tag and length in DER. */
function derHead(tag: number, length: number): Buffer {
  return Buffer.from(length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]);
}

/** Whether an expanded private key, as an OCTET STRING, is the one that a seed makes. @throws {TamperError} `DEPENDENCY_MISSING` */
export async function isSeedOfMlDsa(
  algorithm: MlDsaAlgorithm,
  seed: Uint8Array,
  expanded: Uint8Array,
): Promise<boolean> {
  const { secretKey } = (await loadNoble(algorithm)).keygen(plain(seed));
  const made = Buffer.concat([derHead(0x04, secretKey.length), secretKey]);
  const same = made.length === expanded.length && timingSafeEqual(made, expanded);
  secretKey.fill(0);
  made.fill(0);
  return same;
}

function withNativeKey<T>(algorithm: MlDsaAlgorithm, seed: Uint8Array, use: (key: KeyObject) => T): T {
  const { head } = mlDsaPkcs8Head(algorithm, 'seed');
  const key = Buffer.alloc(head.length + seed.length);
  head.copy(key);
  key.set(seed, head.length);
  try {
    return use(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  } finally {
    key.fill(0);
  }
}
