import { type Digest, digestBytes } from '../../core/hash.ts';
import type { Signer } from '../key-reference.ts';
import { encodeCbor } from './cbor.ts';

/**
 * A COSE receipt of inclusion (RFC 9942, section 4.2): the inclusion proof of one leaf with a signature over the root, in CBOR.
 *
 *     18([ << { 1: alg, 4: kid, 15: { 1: issuer }, 395: 1 } >>,
 *          { 396: { -1: [ << [ tree-size, leaf-index, [ hash, … ] ] >> ] } },
 *          nil,
 *          signature ])
 */

/** An algorithm whose signatures a public key checks. */
export type PublicAlgorithm = Exclude<Signer['algorithm'], 'kms-hmac-sha256'>;

/** Numbers of the registry "COSE Algorithms": RFC 9053, RFC 8230, RFC 8812, RFC 9964. */
const ALGORITHMS: Readonly<Record<PublicAlgorithm, number>> = {
  ed25519: -8,
  'ecdsa-p256-sha256': -7,
  'ecdsa-p384-sha384': -35,
  'rsa-pss-sha256': -37,
  'rsa-pkcs1-sha256': -257,
  'ml-dsa-44': -48,
  'ml-dsa-65': -49,
};

const [ALG, KID, CWT_CLAIMS, VDS, VDP] = [1, 4, 15, 395, 396];
const ISSUER = 1;
const RFC9162_SHA256 = 1;
const INCLUSION_PROOFS = -1;
/** The head of tag 18, COSE_Sign1. */
const SIGN1_TAG = Buffer.of(0xd2);

/** What the signature is over besides the root. */
export interface ReceiptHeader {
  readonly algorithm: PublicAlgorithm;
  /** SHA-256 of the signer's SPKI. */
  readonly kid: Uint8Array;
  /** The origin of the log. */
  readonly issuer: string;
}

/** Where a leaf stands in a tree. */
export interface ReceiptProof {
  readonly size: number;
  /** From 0. */
  readonly index: number;
  /** The sibling's hash first, the root's child last. */
  readonly path: readonly Digest[];
}

/** The protected header, as it stands in the receipt. */
export function protectedHeader({ algorithm, kid, issuer }: ReceiptHeader): Buffer {
  return encodeCbor(
    new Map<number, number | Uint8Array | Map<number, string>>([
      [ALG, ALGORITHMS[algorithm]],
      [KID, kid],
      [CWT_CLAIMS, new Map([[ISSUER, issuer]])],
      [VDS, RFC9162_SHA256],
    ]),
  );
}

/** What is signed: Sig_structure of RFC 9052, section 4.4, with the root as the payload. */
export function receiptMessage(header: Uint8Array, root: Digest): Buffer {
  return encodeCbor(['Signature1', header, Buffer.alloc(0), digestBytes(root)]);
}

/** The bytes of a receipt. The root is left out (detached), so that nobody can check the signature without the leaf. */
export function formatReceipt(header: Uint8Array, { size, index, path }: ReceiptProof, signature: Uint8Array): Buffer {
  const inclusion = encodeCbor([size, index, path.map(digestBytes)]);
  const unprotected = new Map([[VDP, new Map([[INCLUSION_PROOFS, [inclusion]]])]]);
  return Buffer.concat([SIGN1_TAG, encodeCbor([header, unprotected, null, signature])]);
}
