import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { isOrigin } from '../../format/origin.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import type { Finding, FindingCode, Severity } from '../../verify/model/findings.ts';
import type { Verdict } from '../../verify/verdict/report.ts';

/** What an audit says of one stream: a line of its output, and that line as it is read again. */

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
export type AuditCode =
  | 'STOPPED'
  | 'REPLACED'
  | 'EXPIRED'
  | 'JOURNAL_CONTRADICTED'
  | 'JOURNAL_WRONG'
  | 'JOURNAL_LIST_MISSING'
  | 'JOURNAL_UNFINISHED'
  | 'JOURNAL_RETIRED';

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

const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const verdict = v.picklist(['ok', 'tampered', 'undecided']);
const reading = v.strictObject({ files: count, bytes: count });
const range = v.strictObject({ firstSeq: count, lastSeq: count });
const code = v.pipe(text, v.regex(/^[A-Z][A-Z0-9_]*$/));
const finding = v.strictObject({
  code,
  severity: v.picklist(['tampered', 'undecided', 'warning']),
  message: text,
  file: v.optional(text),
  line: v.optional(count),
  offset: v.optional(count),
  seq: v.optional(count),
  lastSeq: v.optional(count),
  within: v.optional(range),
  previousSealTime: v.optional(text),
  nextSealTime: v.optional(text),
});
const named = v.pipe(
  text,
  v.check((one) => one === '' || isOrigin(one.replace(/\*$/, 'x')), 'the name of a stream'),
);
const schema = v.strictObject({
  version: v.literal(1),
  stream: named,
  result: v.picklist(STREAM_RESULTS),
  verdict,
  checked: v.picklist(['whole', 'added', 'nothing']),
  firstSeq: count,
  lastSeq: count,
  proven: count,
  sealed: v.optional(text),
  end: v.picklist(['closed', 'continued', 'open']),
  files: count,
  read: reading,
  wholeAt: v.optional(text),
  erased: v.optional(count),
  removed: v.optional(v.strictObject({ files: count, lastSeq: count })),
  findings: v.array(finding),
  more: count,
  error: v.optional(v.strictObject({ code, message: text, hint: v.optional(text) })),
});

/** Reads one result. `place` is for the message. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseResult(line: string, place: string): StreamResult {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), line, withoutInput);
  if (!parsed.success) {
    const problem = schemaProblem(parsed.issues, 'the line');
    throw new TamperError('FORMAT_INVALID', `${place} is not output of audit --format json: ${problem}`);
  }
  return parsed.output as StreamResult; // the codes of findings are of a closed list, which grows
}

/** Results as text, one JSON a line. */
export function formatResults(results: readonly StreamResult[]): string {
  return results.map((result) => `${JSON.stringify(result)}\n`).join('');
}

/** Reads what {@link formatResults} wrote. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseResults(lines: string, place: string): StreamResult[] {
  return lines
    .split('\n')
    .slice(0, -1)
    .map((line) => parseResult(line, place));
}
