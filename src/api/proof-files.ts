import type { FileHandle } from 'node:fs/promises';
import { systemCode, TamperError } from '../errors.ts';
import { beginsLikeProof } from '../format/evidence/tlog-proof.ts';
import { openRegular, readError } from '../foundation/regular-file.ts';
import { PROOF_LIMIT } from '../verify/proof/check-proof.ts';

/** Proofs of single records, and of streams in a journal, as files. */

/** How files of each kind of proof are named. */
const SUFFIXES = { record: '.tlog-proof', stream: '.stream-proof' } as const;

/** What a proof is about. */
export type ProofKind = keyof typeof SUFFIXES;

const HINT = 'Name a file that you may read.';

/**
 * Whether what is to be verified is proofs, of which kind, and no log. The name of the file says so: where its content alone
 * could, whoever can replace a log could put the proof of one record in its place.
 *
 * @returns undefined for logs
 * @throws {@link TamperError} `USAGE` where kinds of proofs and logs are mixed, or a proof does not have the name of one
 */
export async function proofsAmong(paths: readonly string[]): Promise<ProofKind | undefined> {
  for (const kind of ['record', 'stream'] as const) {
    const named = paths.filter((path) => path.endsWith(SUFFIXES[kind]));
    if (named.length === 0) continue;
    if (named.length === paths.length) return kind;
    throw new TamperError('USAGE', `proofs of ${kind}s and other files cannot be verified together`, {
      hint: `Files named *${SUFFIXES[kind]} are proofs; verify them in a command of their own.`,
    });
  }
  for (const path of paths) {
    if (path === '-' || !beginsLikeProof(await beginningOf(path))) continue;
    throw new TamperError('USAGE', `${path} is the proof of a record, but does not have the name of one`, {
      hint: `Rename it to NAME${SUFFIXES.record}, or to NAME${SUFFIXES.stream}: only then it is verified as a proof, so that nothing else can pass for a log.`,
    });
  }
  return undefined;
}

/** How a regular file begins; of anything else nothing is said here. */
async function beginningOf(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await openRegular(path);
    const head = Buffer.alloc(64);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return Buffer.alloc(0); // a directory, or one that is not there: whoever reads it says so
  } finally {
    await file?.close();
  }
}

/**
 * Reads the file of a proof, up to one byte more than a proof may have.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`
 */
export async function readProof(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await openRegular(path);
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, PROOF_LIMIT) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
      if (length === bytes.length) return bytes;
    }
  } catch (error) {
    throw readError(path, error, HINT);
  } finally {
    await file?.close();
  }
}
