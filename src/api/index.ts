import type { Readable } from 'node:stream';
import type { WitnessGroup } from '../format/tlog-policy.ts';
import type { Timestamp } from '../verify/auditor/options.ts';
import type { Policy } from '../verify/auditor/policy.ts';
import type { ExportedTiles } from '../verify/export-tiles.ts';
import type { ProofReport } from '../verify/proof/proof-report.ts';
import type { ProvedRecord } from '../verify/prove-record.ts';
import type { Inspection, InspectOptions } from '../verify/show/inspection.ts';
import type { IgnoredReport } from '../verify/verdict/ignored-files.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';
import type { AttestedFiles } from './attest.ts';
import { type AuditorKeyOptions, AuditorKeys } from './auditor-keys.ts';
import type { AttestOptions, ExportTilesOptions, ProveOptions, VerifyProofOptions } from './proof-options.ts';
import type { OriginalLinesOptions, VerifiedLinesOptions, VerifyOptions } from './verify-options.ts';

/** What an auditor's program calls. The code is loaded with the first call, so that a logging worker never loads it. */

/**
 * Verifies sealed files (spec 8). It reads in one pass and bounded memory, trusts nothing in the files, and returns a
 * report; a finding is never an exception. It throws only where it could not run.
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `FORMAT_INVALID`, `FORMAT_LIMIT`, `POLICY_INVALID`, `KEY_MALFORMED`,
 *   `KEY_NOT_FOUND`, `NOT_FOUND`, `READ_FAILED`, `WRITE_FAILED`, `LOCKED`
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  (await import('./verify-options.ts')).checkVerifyOptions(options);
  const { verify: run } = await import('../verify/verify.ts');
  const { withKeys } = await import('./open-keys.ts');
  return withKeys(options, run);
}

/**
 * Looks through sealed files and says what is in them; nothing of it is verified. `input` is what the path `-` stands for.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED`
 */
export async function inspect(
  paths: readonly string[],
  input?: Readable,
  options: InspectOptions = {},
): Promise<Inspection> {
  const { checkInspectOptions, checkPaths } = await import('./verify-options.ts');
  checkPaths('inspect', paths);
  checkInspectOptions(options);
  const { inspect: run } = await import('../verify/show/inspection.ts');
  const { withStored } = await import('./stored-places.ts');
  return withStored(paths, (places) => run({ ...places, input }, options));
}

/**
 * Gives back the application's lines in their order, byte for byte; entries that a crash abandoned are left out. Nothing is
 * verified.
 *
 * @returns the files of directories that were left out
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`
 */
export async function originalLines(options: OriginalLinesOptions): Promise<IgnoredReport> {
  (await import('./verify-options.ts')).checkOriginalLinesOptions(options);
  const { originalLines: run } = await import('../verify/show/original-lines.ts');
  const { withStored } = await import('./stored-places.ts');
  return withStored(options.paths, (places) => run({ ...options, ...places }));
}

/**
 * Verifies, and where the verdict is ok gives back the application's lines up to the proven end. Each byte is read once: what
 * is given was kept while it was verified, so nothing that is done to the files meanwhile changes it. `jobs` is not used.
 *
 * @returns the report of the verification
 * @throws {@link TamperError} what {@link verify} throws; `USAGE` where the files hold more than one stream; `WRITE_FAILED`
 *   where the records cannot be kept
 */
export async function verifiedLines(options: VerifiedLinesOptions): Promise<VerifyReport> {
  (await import('./verify-options.ts')).checkVerifiedLinesOptions(options);
  const { onPiece, onProblem, onUnproven, temporaryDirectory, ...rest } = options;
  const lines = {
    onPiece,
    onProblem,
    ...(onUnproven && { onUnproven }),
    ...(temporaryDirectory !== undefined && { temporaryDirectory }),
  };
  const { verifiedLines: run } = await import('../verify/verified-lines.ts');
  const { withKeys } = await import('./open-keys.ts');
  return withKeys(rest, (input) => run({ ...input, ...lines }));
}

/**
 * Verifies, and where the verdict is ok proves one record: the text of a C2SP tlog-proof that carries the record, its inclusion
 * proof, the smallest checkpoint over it that a named public key signed and enough of the named witnesses cosigned, and the seal
 * that dates it (spec/evidence.md). It reads once, in bounded memory. `jobs` is not used. With `format: 'cose'`, under the same
 * conditions, a COSE receipt of inclusion (RFC 9942) over the root of that checkpoint, signed by the key of `signer`, and the leaf
 * that it is checked with.
 *
 * @returns the report of the verification, with the proof or receipt, or with why there is none
 * @throws {@link TamperError} what {@link verify} throws; `USAGE` where the files hold more than one stream. For a receipt, what
 *   the signing throws; `USAGE` where no signing key is named; `KEY_WRONG_USAGE` for a key without a public half;
 *   `SIGNATURE_REJECTED`
 */
export async function proveRecord(options: ProveOptions): Promise<ProvedRecord> {
  return (await import('./prove.ts')).proveAs(options);
}

/**
 * Verifies, and if the verdict is ok writes the log as C2SP tlog-tiles (spec/evidence.md, section 5): hash tiles, bundles whose
 * entries are the leaf bytes of the log, and the newest proven checkpoint that a named public key signed. Every tile that the
 * destination has is read and compared with the log; then what is missing is written, the checkpoint last. If it was interrupted,
 * call it again. Memory grows only with the number of files there. `jobs` is not used.
 *
 * @returns the report of the verification, with what the destination has now, or with why nothing was written
 * @throws {@link TamperError} what {@link verify} throws; `USAGE` if the files hold more than one stream, or `tiles` is in what is
 *   verified; `LOCKED` if another export writes there; `READ_FAILED` if what is there cannot be read, is a symbolic link, or is
 *   in the checkpoint's place and is none; `WRITE_FAILED` if it cannot be written; what an object store throws
 */
export async function exportTiles(options: ExportTilesOptions): Promise<ExportedTiles> {
  return (await import('./export-tiles.ts')).exportTilesAs(options);
}

/**
 * Verifies files of one stream, and where the verdict is ok signs a statement about them: an in-toto Statement v1 in a DSSE
 * envelope, whose subjects are the files with their SHA-256 (spec/evidence.md, section 4). Without `keys` the log must be signed by
 * the very key that signs the statement. `jobs` is not used.
 *
 * @returns the report of the verification, with the envelope where the verdict is ok
 * @throws {@link TamperError} what {@link verify} and the signing throw; `USAGE` for what is no file as its writer closed it, and
 *   where no signing key is named; `KEY_WRONG_USAGE` for a key without a public half; `FORMAT_LIMIT` for a statement of more than
 *   4,096 bytes; `SIGNATURE_REJECTED`
 */
export async function attestFiles(options: AttestOptions): Promise<AttestedFiles> {
  return (await import('./attest.ts')).attestAs(options);
}

/**
 * Verifies the proof of one record by itself: no log is needed, and nothing that comes with the proof is trusted
 * (spec/evidence.md). A finding is never an exception. Of `keys` the public keys count.
 *
 * @param proof - the bytes of a `.tlog-proof` file, or its text
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `FORMAT_INVALID`, `POLICY_INVALID`, `KEY_MALFORMED`, `KEY_NOT_FOUND`,
 *   `NOT_FOUND`, `READ_FAILED`
 */
export async function verifyProof(proof: string | Uint8Array, options: VerifyProofOptions): Promise<ProofReport> {
  (await import('./proof-options.ts')).checkProofOptions(options);
  return (await import('./check-proof.ts')).checkProof(proof, options);
}

/**
 * Reads a policy file and the pins that it names, relative to it.
 *
 * @throws {@link TamperError} `POLICY_INVALID`, with the member at fault; `NOT_FOUND`, `READ_FAILED`
 */
export async function loadPolicy(path: string): Promise<Policy> {
  (await import('./verify-options.ts')).checkPath('loadPolicy', path);
  return (await import('../verify/auditor/policy.ts')).loadPolicy(path);
}

/**
 * Names the keys of an auditor, for {@link verify}, which reads the files and closes what it opened. No key service is asked before a
 * log needs it.
 *
 * @throws {@link TamperError} `USAGE`, with the option at fault
 */
export function auditorKeys(options: AuditorKeyOptions): AuditorKeys {
  return new AuditorKeys(options);
}

/**
 * Reads the public keys of a file: verifier keys (`NAME+ID+KEY`, one a line, `#` begins a comment) or one PEM.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `KEY_MALFORMED`, `FORMAT_INVALID`
 */
export async function loadPublicKeys(path: string): Promise<string[]> {
  (await import('./verify-options.ts')).checkPath('loadPublicKeys', path);
  return (await import('./public-keys.ts')).loadPublicKeys(path);
}

/**
 * Names witnesses, for the option `witnesses`.
 *
 * @param given - the verifier key of a witness, or the path of a file: such keys, one a line (`#` begins a comment), or a C2SP
 *   tlog-policy, whose quorum is then what is demanded; its logs grant nothing
 * @throws {@link TamperError} `FORMAT_INVALID`, with the line; `KEY_NOT_FOUND`, `NOT_FOUND`, `READ_FAILED`
 */
export async function loadWitnesses(given: string): Promise<string[] | WitnessGroup> {
  return (await import('./public-keys.ts')).loadWitnesses(given);
}

/**
 * The text of a policy for the streams in these files, to begin with. Nothing of it was verified.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`
 */
export async function draftPolicy(paths: readonly string[], input: Readable): Promise<string> {
  return (await import('../verify/show/policy-draft.ts')).draftPolicy(paths, input);
}

/**
 * Reads a checkpoint that you hold, a signed note, for the option `held`.
 *
 * @throws {@link TamperError} `FORMAT_INVALID`, `NOT_FOUND`, `READ_FAILED`
 */
export async function loadCheckpoint(path: string): Promise<string> {
  (await import('./verify-options.ts')).checkPath('loadCheckpoint', path);
  return (await import('../verify/auditor/held-notes.ts')).loadCheckpoint(path);
}

/**
 * Reads a time stamp (RFC 3161) and the checkpoint beside it, `NAME.tsr` and `NAME.note`, and verifies that the one is about the
 * other, for the option `timestamps`. It needs the package pkijs.
 *
 * @param path - `NAME.tsr`: a TimeStampResp in DER
 * @param authorities - PEM files with the certificates of time-stamp authorities that you trust
 * @throws {@link TamperError} `TIMESTAMP_INVALID`, `FORMAT_INVALID`, `KEY_MALFORMED`, `NOT_FOUND`, `READ_FAILED`,
 *   `DEPENDENCY_MISSING`, `USAGE`
 */
export async function loadTimestamp(path: string, authorities: readonly string[]): Promise<Timestamp> {
  (await import('./verify-options.ts')).checkPath('loadTimestamp', path);
  return (await import('./timestamps.ts')).loadTimestamp(path, authorities);
}
