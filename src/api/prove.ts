import { p1363FromDer } from '../core/ecdsa-signature.ts';
import { TamperError } from '../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../format/checkpoint.ts';
import {
  formatReceipt,
  type PublicAlgorithm,
  protectedHeader,
  receiptMessage,
} from '../format/evidence/cose-receipt.ts';
import { noteKeyOf } from '../format/key-reference.ts';
import { formatVkey } from '../format/vkey.ts';
import type { ProofParts } from '../verify/proof/entry-proof.ts';
import {
  type ProvedRecord,
  proveEntry,
  proveRecord,
  type RecordReceipt,
  type ProveOptions as VerifierOptions,
} from '../verify/prove-record.ts';
import {
  type EvidenceSigner,
  namedSigner,
  type PublicSigningKey,
  publicSigningKey,
  signedWith,
} from './evidence-signer.ts';
import { withKeys } from './open-keys.ts';
import { checkProveOptions, type ProveOptions } from './proof-options.ts';
import { ANY_STREAM } from './public-keys.ts';

/** The proof of one record as the package offers it: a tlog-proof, or a COSE receipt (spec/evidence.md, sections 1 and 6). */

/** Bytes of r, and of s. */
const ECDSA_HALVES: Partial<Record<PublicAlgorithm, number>> = { 'ecdsa-p256-sha256': 32, 'ecdsa-p384-sha384': 48 };

/** As `proveRecord` of the package. */
export async function proveAs(options: ProveOptions): Promise<ProvedRecord> {
  checkProveOptions(options);
  const { seq, noteKeys = [], format: _, signer, signingKey, ...rest } = options;
  if (signer === undefined) return withKeys(rest, (input) => proveRecord({ ...input, seq, noteKeys }));
  const by = namedSigner(signer, signingKey);
  const byItself = rest.keys === undefined && rest.policy === undefined;
  return withKeys(rest, (input) => proveReceipt({ ...input, seq }, by, byItself));
}

/**
 * E6.1 to E6.4: verifies, and where there is a tlog-proof of the record makes a receipt of the same checkpoint in its place.
 *
 * @param byItself - nobody named a key to verify the log with: it must be signed by the one that signs the receipt
 * @throws {@link TamperError} what `proveRecord` and the signing throw; `KEY_WRONG_USAGE`, `SIGNATURE_REJECTED`
 */
export async function proveReceipt(
  options: VerifierOptions,
  by: EvidenceSigner,
  byItself: boolean,
): Promise<ProvedRecord> {
  const key = await publicSigningKey(by);
  const own = { vkey: formatVkey(ANY_STREAM, noteKeyOf(key)), givenBy: 'the key that signs the receipt' };
  const { parts, proof: _, ...proved } = await proveEntry(byItself ? { ...options, publicKeys: [own] } : options);
  return parts === undefined ? proved : { ...proved, receipt: await receiptOf(parts, by, key) };
}

async function receiptOf(parts: ProofParts, by: EvidenceSigner, key: PublicSigningKey): Promise<RecordReceipt> {
  const { leaf, index, proof: path, note } = parts;
  const { origin, size, root } = parseSignedCheckpoint(note) as SignedCheckpoint; // it has been verified
  const algorithm = key.algorithm as PublicAlgorithm; // the key has a public half
  const kid = Buffer.from(key.fingerprint.replace('sha256:', ''), 'hex');
  const header = protectedHeader({ algorithm, kid, issuer: origin });
  const signed = await signedWith(by, key, receiptMessage(header, root));
  return { bytes: formatReceipt(header, { size, index, path }, coseSignature(algorithm, signed)), leaf };
}

/** E6.3: COSE writes r and s of ECDSA side by side (RFC 9053, section 2.1). @throws {@link TamperError} `SIGNATURE_REJECTED` */
function coseSignature(algorithm: PublicAlgorithm, signature: Uint8Array): Uint8Array {
  const half = ECDSA_HALVES[algorithm];
  const bytes = half === undefined ? signature : p1363FromDer(signature, half);
  if (bytes !== undefined) return bytes;
  throw new TamperError('SIGNATURE_REJECTED', `the ${algorithm} signature is not in DER`, {
    hint: 'Nothing was written. Ask the vendor of the key source.',
  });
}
