import type { Finding, FindingCode, Severity } from '../../verify/model/findings.ts';
import type { Verdict } from '../../verify/verdict/report.ts';

/** What an audit says of one stream: a line of its output. */

/** What became of a stream since it was checked last. */
export const STREAM_RESULTS = [
  'new',
  'grown',
  'unchanged',
  'rewritten',
  'removed',
  'stopped',
  'vanished',
  'rolled_back',
  'forked',
  'replaced',
  'missing',
  'unclaimed',
  'failed',
] as const;

/** One of {@link STREAM_RESULTS}. */
export type StreamOutcome = (typeof STREAM_RESULTS)[number];

/** What an audit finds besides what the verifier does. */
export type AuditCode = 'STOPPED' | 'REPLACED' | 'EXPIRED';

/** A finding of an audit. */
export interface AuditFinding extends Omit<Finding, 'code' | 'quoted'> {
  readonly code: FindingCode | AuditCode;
}

/** How much was read of a stream. */
export interface StreamReading {
  readonly files: number;
  /** Bytes of logs, as they lie there. */
  readonly bytes: number;
}

/** One stream. */
export interface StreamResult {
  readonly version: 1;
  /** The origin; of `missing` the name that no stream answers to; empty for files that belong to none. */
  readonly stream: string;
  readonly result: StreamOutcome;
  readonly verdict: Verdict;
  /** How much of it was verified now: all, what is not covered by the checkpoint that was remembered, or nothing. */
  readonly checked: 'whole' | 'added' | 'nothing';
  /** The first entry that an audit has seen, also if its file is gone since; 0 where there are no entries. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Every entry up to this one is proven if nothing was found; 0 where nothing is. */
  readonly proven: number;
  /** Time of the newest proven seal, UTC, by the writer's clock. */
  readonly sealed?: string;
  readonly end: 'closed' | 'continued' | 'open';
  /** Files that it has now. */
  readonly files: number;
  readonly read: StreamReading;
  /** When all of it was read last, UTC, by the auditor's clock. */
  readonly wholeAt?: string;
  /** How many of its records are erased (R2.4); absent: none. */
  readonly erased?: number;
  /** Files that were checked before and are gone, and the last entry that was in one. */
  readonly removed?: { readonly files: number; readonly lastSeq: number };
  /** The worst first; at most twenty. */
  readonly findings: readonly AuditFinding[];
  /** How many findings are left out. */
  readonly more: number;
  /** Why nothing could be said of it. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

/** So many findings stand in a line. */
const SHOWN = 20;
const RANK: Readonly<Record<Severity, number>> = { tampered: 0, undecided: 1, warning: 2 };

/** The findings as a line has them. `more` counts what was left out before. */
export function shownFindings(all: readonly AuditFinding[], more: number): Pick<StreamResult, 'findings' | 'more'> {
  const worst = [...all].sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  return { findings: worst.slice(0, SHOWN), more: more + Math.max(0, worst.length - SHOWN) };
}

/** The verdict of several: tampered beats undecided beats ok. */
export function worstVerdict(verdicts: Iterable<Verdict>): Verdict {
  let worst: Verdict = 'ok';
  for (const verdict of verdicts) {
    if (verdict === 'tampered') return verdict;
    if (verdict === 'undecided') worst = verdict;
  }
  return worst;
}
