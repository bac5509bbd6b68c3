/**
 * ML-DSA (FIPS 204): the two parameter sets that sign checkpoints, the lengths of their keys and signatures, and the one DER
 * spelling of their public keys (RFC 9881: the object identifier without parameters, then the key). Nothing is computed here.
 */

/** The parameter sets by the names that go into the log (spec 2, `A`). */
export const ML_DSA_ALGORITHMS = ['ml-dsa-44', 'ml-dsa-65'] as const;

/** A name of {@link ML_DSA_ALGORITHMS}. */
export type MlDsaAlgorithm = (typeof ML_DSA_ALGORITHMS)[number];

interface ParameterSet {
  /** Bytes of a public key, without its SPKI. */
  readonly publicKeyBytes: number;
  /** Bytes of a signature: always so many. */
  readonly signatureBytes: number;
  /** What stands before the key in its SPKI. */
  readonly spkiHead: Buffer;
}

const head = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** FIPS 204, table 2. */
export const ML_DSA: Readonly<Record<MlDsaAlgorithm, ParameterSet>> = {
  'ml-dsa-44': {
    publicKeyBytes: 1312,
    signatureBytes: 2420,
    spkiHead: head('30820532300b06096086480165030403110382052100'),
  },
  'ml-dsa-65': {
    publicKeyBytes: 1952,
    signatureBytes: 3309,
    spkiHead: head('308207b2300b0609608648016503040312038207a100'),
  },
};

/** Whether a name is one of {@link ML_DSA_ALGORITHMS}. */
export function isMlDsa(algorithm: string): algorithm is MlDsaAlgorithm {
  return (ML_DSA_ALGORITHMS as readonly string[]).includes(algorithm);
}

/** The algorithm of a canonical SPKI of ML-DSA; undefined where it is none. Of a key itself nothing can be wrong but its length. */
export function mlDsaOf(spki: Uint8Array): MlDsaAlgorithm | undefined {
  return ML_DSA_ALGORITHMS.find((algorithm) => {
    const { spkiHead, publicKeyBytes } = ML_DSA[algorithm];
    return spki.length === spkiHead.length + publicKeyBytes && spkiHead.equals(spki.subarray(0, spkiHead.length));
  });
}

/** The bytes of the public key in a canonical SPKI of this algorithm. */
export function mlDsaPublicKey(algorithm: MlDsaAlgorithm, spki: Uint8Array): Uint8Array {
  return spki.subarray(ML_DSA[algorithm].spkiHead.length);
}

/**
 * The canonical SPKI of a public key of ML-DSA.
 *
 * @param publicKey - as FIPS 204 encodes it: 1,312 bytes of ML-DSA-44, 1,952 of ML-DSA-65
 * @returns undefined where it has another length
 */
export function mlDsaSpki(algorithm: MlDsaAlgorithm, publicKey: Uint8Array): Buffer | undefined {
  const { publicKeyBytes, spkiHead } = ML_DSA[algorithm];
  return publicKey.length === publicKeyBytes ? Buffer.concat([spkiHead, publicKey]) : undefined;
}
