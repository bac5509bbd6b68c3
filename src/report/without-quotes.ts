import type { Finding } from '../verify/model/findings.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';

/** The lines are for the report that was asked for: what is printed may go anywhere. */
export function withoutQuotes(report: VerifyReport): VerifyReport {
  const bare = <F extends Finding>({ quoted: _quoted, ...rest }: F): Omit<F, 'quoted'> => rest;
  return {
    ...report,
    streams: report.streams.map((stream) => ({ ...stream, findings: stream.findings.map(bare) })),
    findings: report.findings.map(bare),
  };
}
