import type { Finding } from '../verify/model/findings.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';

/** What a report says of the check itself. Nothing of it comes from the log. */
export interface ReportAbout {
  /** Version of the tool, as in package.json. */
  readonly version: string;
  /** SHA-256 of the verifier by its own word, hex; absent where it cannot know it. */
  readonly sha256?: string;
  /** When the check was made: UTC, `2026-11-24T23:00:00.000Z`. */
  readonly checkedAt: string;
  /** The auditor's zone, `Europe/Berlin`: times are told in it, too. Absent: in UTC alone. */
  readonly timeZone?: string;
  /** What the auditor brought: keys, policy, known checkpoints, options. */
  readonly given: readonly GivenItem[];
  /** Whether the lines of findings were left out on purpose. Default false. */
  readonly withoutLines?: boolean;
}

/** One thing that the auditor brought. */
export interface GivenItem {
  /** A word or two: `Policy`. */
  readonly what: string;
  /** `audit-policy.yaml`; never a secret. */
  readonly value: string;
}

/** The lines are for the report that was asked for: what is printed may go anywhere. */
export function withoutQuotes(report: VerifyReport): VerifyReport {
  const bare = <F extends Finding>({ quoted: _quoted, ...rest }: F): Omit<F, 'quoted'> => rest;
  return {
    ...report,
    streams: report.streams.map((stream) => ({ ...stream, findings: stream.findings.map(bare) })),
    findings: report.findings.map(bare),
  };
}
