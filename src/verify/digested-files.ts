import { createHash, type Hash } from 'node:crypto';
import { TamperError } from '../errors.ts';
import type { VerifyOptions } from './auditor/options.ts';
import type { Keeping } from './stream/kept-records.ts';
import type { VerifyReport } from './verdict/report.ts';
import { verifyKeeping } from './verify.ts';

/** The digests of files, over the very bytes that were verified. */

/** A verification, with the digest of each file that it read. */
export interface DigestedFiles {
  readonly report: VerifyReport;
  /** SHA-256 of each file's bytes, uncompressed, as hex, by path. */
  readonly digests: ReadonlyMap<string, string>;
}

class FileDigests implements Keeping {
  readonly #hashes = new Map<string, Hash>();

  begin(): void {
    this.#hashes.clear();
  }

  readonly onChunk = (file: string, chunk: Uint8Array): void => {
    const hash = this.#hashes.get(file) ?? createHash('sha256');
    this.#hashes.set(file, hash.update(chunk));
  };

  digests(): Map<string, string> {
    return new Map([...this.#hashes].map(([file, hash]) => [file, hash.digest('hex')]));
  }
}

/**
 * E4.1: Verifies files and computes their digests in one reading, so that a file that is exchanged meanwhile has neither. `jobs` is
 * not used.
 *
 * @throws {@link TamperError} what `verify` throws; `USAGE` where a path is none of a file as its writer wrote it
 */
export async function verifyDigesting(options: VerifyOptions): Promise<DigestedFiles> {
  for (const name of ['live', 'demux', 'unwrap'] as const) {
    if (options[name] === undefined || options[name] === false) continue;
    throw new TamperError('USAGE', `with ${name} there are no files that could be attested`, {
      hint: 'A statement is about whole files, as their writer closed them.',
    });
  }
  if (options.paths.includes('-')) throw new TamperError('USAGE', 'standard input is no file that could be attested');
  const files = new FileDigests();
  const report = await verifyKeeping({ ...options, jobs: 1 }, files);
  return { report, digests: files.digests() };
}
