import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { checkOrigin } from '../format/origin.ts';
import type { Policy } from '../verify/auditor/policy.ts';
import { proveRecord } from '../verify/prove-record.ts';
import type { Verdict } from '../verify/verdict/report.ts';
import { JournalLog } from './journal-log.ts';
import { bucketOf, type JournalEntry, keyOf } from './nights.ts';
import { formatStreamProof, verifyStreamProof } from './stream-proof.ts';

/** The proof of what a night of a journal says of one stream, taken out of the journal (spec/journal.md, section 3). */

/** Which stream, of which night. */
export interface ProveStreamOptions {
  /** The configuration of the journal's writer. */
  readonly config: ResolvedConfig;
  /** Of the auditor: the keys that it names for the journal count. */
  readonly policy?: Policy | undefined;
  readonly stream: string;
  /** The time of the night, or how it begins, such as a date. Default: the last night. */
  readonly night?: string | undefined;
}

/** A proof, or why there is none. */
export interface ProvedStream {
  /** The verdict on the journal: a proof is made only where it is ok. */
  readonly verdict: Verdict;
  /** To be stored as `NAME.stream-proof`. */
  readonly proof?: string;
  readonly refusal?: string;
}

/**
 * Verifies the journal, and where the verdict is ok proves what a night says of a stream, or that it has no such stream.
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `READ_FAILED`, what verifying throws
 */
export async function proveStream({ config, policy, stream, night }: ProveStreamOptions): Promise<ProvedStream> {
  checkOrigin(stream);
  const log = new JournalLog(config, policy);
  const { report, nights, problems, later } = await log.verified();
  const { verdict } = report;
  if (verdict !== 'ok') {
    const why = report.findings.find(({ severity }) => severity === verdict);
    return { verdict, refusal: `the journal is ${verdict}: ${why?.code}: ${why?.message}` };
  }
  if (problems.length > 0) return { verdict: 'tampered', refusal: `JOURNAL_WRONG: ${problems.join('; ')}` };
  if (later.length > 0) return { verdict: 'undecided', refusal: `UNSUPPORTED: ${later.join('; ')}` };
  const asked = nights.findLast((one) => night === undefined || one.night.startsWith(night));
  if (asked === undefined)
    return {
      verdict,
      refusal: night === undefined ? 'the journal has no night yet' : `the journal has no night ${night}`,
    };
  let entry: JournalEntry | undefined;
  const tree = await log.readList(asked, (one) => {
    if (one.origin === stream) entry = one;
  });
  if ('code' in tree) return { verdict, refusal: tree.message };
  const options = await log.verifyOptions();
  const { proof: record, refusal } = await proveRecord({ ...options, seq: asked.seq });
  if (record === undefined) return { verdict, refusal: refusal?.message ?? 'the journal was changed meanwhile' };
  const bucket = bucketOf(keyOf(stream), tree.bits);
  const proof = formatStreamProof(record, {
    origin: stream,
    entry,
    items: tree.bucket(bucket),
    path: tree.path(bucket),
  });
  // what goes out must hold: whoever gets it cannot ask for another one
  const checked = await verifyStreamProof(Buffer.from(proof, 'utf8'), options);
  if (checked.verdict !== 'ok') throw new TamperError('INTERNAL', `the proof of ${stream} does not hold`);
  return { verdict, proof };
}
