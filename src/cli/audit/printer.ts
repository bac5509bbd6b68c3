import type { AuditSummary, StreamResult } from '../../internal.ts';
import type { CommandIo } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { jsonText, print, printReport } from '../output.ts';
import { resultText, summaryText } from './audit-text.ts';

/** What an audit exits with. */
export const exitOf: Readonly<Record<AuditSummary['verdict'], number>> = {
  ok: exitCode.done,
  tampered: exitCode.finding,
  undecided: exitCode.undecided,
};

/** How much of an audit is printed, and how. */
export interface Shown {
  readonly format: 'text' | 'json';
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Prints results as they come. */
export function printer(
  { format, quiet, verbose }: Shown,
  io: CommandIo,
): {
  readonly result: (result: StreamResult) => Promise<void>;
  readonly summary: (summary: AuditSummary) => Promise<void>;
} {
  const say = (text: string): Promise<void> => printReport(io, text);
  const line = async (value: unknown): Promise<void> => {
    await print(io.stdout, `${jsonText(value)}\n`);
  };
  if (format === 'json') return { result: async (result) => (quiet ? undefined : line(result)), summary: line };
  return {
    result: async (result) => {
      // of a stream that is ok and wholly gone somebody should know
      if (!quiet && (verbose || result.verdict !== 'ok' || result.files === 0)) await say(resultText(result));
    },
    summary: async (summary) => say(summaryText(summary)),
  };
}
