import { tmpdir } from 'node:os';
import { TamperError } from '../errors.ts';
import { classifyLine, type RecordLine } from '../format/entry.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { ErasedParts, LineJoiner, type OnPiece } from './input/line-joiner.ts';
import type { SpooledRecord } from './input/spool.ts';
import { KeptRecords } from './stream/kept-records.ts';
import type { VerifyReport } from './verdict/report.ts';
import { verifyKeeping } from './verify.ts';

/** The application's own lines out of a log that was verified: what is given is what the verifying pass itself has read. */

/** What to verify, and who takes the lines. */
export interface VerifiedLinesOptions extends VerifyOptions {
  /** Takes the lines, piece by piece; called only where the verdict is ok. */
  readonly onPiece: OnPiece;
  /** Told of what cannot be given back as it was written, or not yet. */
  readonly onProblem: (message: string) => void;
  /** Told where lines at the end are left out because nothing proves them yet; `size` is the proven end. */
  readonly onUnproven?: (size: number) => void;
  /** Where records that are too many for memory wait for the verdict. Default: the system's directory for such files. */
  readonly temporaryDirectory?: string;
}

/**
 * Verifies, and where the verdict is ok gives back the application's lines up to the proven end. Each byte is read once: what
 * is given was kept while it was verified, so nothing that is done to the files meanwhile changes it. `jobs` is not used.
 *
 * @returns the report of the verification
 * @throws {@link TamperError} what `verify` throws; `USAGE` where the files hold more than one stream; `WRITE_FAILED` where the
 *   records cannot be kept
 */
export async function verifiedLines(options: VerifiedLinesOptions): Promise<VerifyReport> {
  const kept = new KeptRecords(options.temporaryDirectory ?? tmpdir());
  try {
    // bytes that another process checks are not the ones that are read here
    const report = await verifyKeeping({ ...options, jobs: 1 }, kept);
    if (report.verdict !== 'ok') return report;
    if (kept.several)
      throw new TamperError('USAGE', 'the lines of only one stream can be printed, but here are several');
    await giveBack(kept, options);
    return report;
  } finally {
    kept.close();
  }
}

function recordOf({ seq, line }: SpooledRecord): RecordLine | undefined {
  const read = classifyLine(line);
  return read.type === 'record' && read.seq === seq ? read : undefined;
}

async function giveBack(kept: KeptRecords, { onPiece, onProblem, onUnproven }: VerifiedLinesOptions): Promise<void> {
  const erased = new ErasedParts();
  const wholeUntil = lookThrough(kept, erased);
  const end = kept.unproven ? wholeUntil : Number.MAX_SAFE_INTEGER;
  if (kept.unproven) onUnproven?.(kept.provenSize);
  const joiner = new LineJoiner(onPiece, onProblem, erased);
  for (const record of kept.records()) {
    if (record.seq > end) break;
    const read = recordOf(record);
    if (read === undefined) {
      onProblem(`entry ${record.seq} does not end like a record and is left out`);
      continue;
    }
    const pending = joiner.take(record.line, read);
    if (pending !== undefined) await pending;
  }
  await joiner.end();
}

/** Finds erased parts, and the last entry before the proven end with which a line is whole: a long one may be proven in part. */
function lookThrough(kept: KeptRecords, erased: ErasedParts): number {
  let end = 0;
  for (const record of kept.records()) {
    const read = recordOf(record);
    if (read !== undefined) erased.see(read);
    if (read?.part === undefined || read.last) end = record.seq;
  }
  return end;
}
