import {
  type AuditRun,
  type AuditSummary,
  auditMetrics,
  expositionOf,
  METRICS_BEGINNING,
  ResultCounts,
  type StreamResult,
} from '../../internal.ts';
import type { GivenItem } from '../../report/about.ts';
import { AuditReport } from '../../report/audit/audit-report.ts';
import type { CommandIo } from '../command.ts';
import { errorText } from '../error-text.ts';
import { exitCode } from '../exit-code.ts';
import { type Flag, type FlagValues, oneOf, text, under, yes } from '../flags.ts';
import { print } from '../output.ts';
import {
  checkOutputFile,
  type NamedOutput,
  type OutputKind,
  REPORT_FILE,
  refuseInMemory,
  refuseSamePlace,
  writeOutputFile,
} from '../output-file.ts';
import { exitOf, printer } from './printer.ts';

/** What comes out of an audit: what is printed, the report and the metrics. */

/** The flags that say so. */
export type OutputFlags = {
  readonly html: Flag<string | undefined>;
  readonly metrics: Flag<string | undefined>;
  readonly format: Flag<'text' | 'json'>;
  readonly quiet: Flag<boolean>;
  readonly verbose: Flag<boolean>;
};

/** What each of them is for. */
export const outputFlags: OutputFlags = under('Output', {
  html: text('FILE', 'also write a report for people: one HTML file, with streams that have findings first'),
  metrics: text('FILE', "also write metrics for Prometheus, for node_exporter's textfile collector"),
  format: oneOf(
    ['text', 'json'],
    'output format; json prints one JSON object per line, as soon as each stream is done',
  ),
  quiet: yes('print only the summary'),
  verbose: yes('also print streams that are ok'),
});

/** Read by whoever runs node_exporter: no name of a stream is in it. */
const METRICS_FILE: OutputKind = {
  flag: '--metrics',
  what: 'file of metrics',
  beginning: METRICS_BEGINNING,
  mode: 0o644,
};

/** Takes the results of one audit. */
export interface AuditOutputs {
  readonly result: (result: StreamResult) => Promise<void>;
  /** Prints the summary and writes the files. @returns the exit code. @throws {@link TamperError} `WRITE_FAILED`, `USAGE` */
  readonly summary: (summary: AuditSummary, run: AuditRun) => Promise<number>;
}

/**
 * Refuses places for the files that are wrong, before anything is audited: also one for both, and one in the `memory`.
 *
 * @throws {@link TamperError} `USAGE`, `READ_FAILED`
 */
export async function checkOutputs(
  { html, metrics, memory }: FlagValues<OutputFlags> & { readonly memory?: string | undefined },
  audited: readonly string[],
): Promise<void> {
  const outputs: NamedOutput[] = [];
  if (html !== undefined) outputs.push({ kind: REPORT_FILE, path: html });
  if (metrics !== undefined) outputs.push({ kind: METRICS_FILE, path: metrics });
  for (const { kind, path } of outputs) {
    await checkOutputFile(kind, path, audited);
    if (memory !== undefined) await refuseInMemory(kind, path, memory);
  }
  const [one, other] = outputs;
  if (one !== undefined && other !== undefined) await refuseSamePlace(one, other);
}

/**
 * Makes the outputs of one audit. `given` is what the report says that the auditor brought; `isShown`, which results are printed:
 * by default all that the flags ask for.
 */
export function auditOutputs(
  flags: FlagValues<OutputFlags>,
  given: readonly GivenItem[],
  io: CommandIo,
  isShown: (result: StreamResult) => boolean = () => true,
): AuditOutputs {
  const show = printer(flags, io);
  const report = flags.html === undefined ? undefined : new AuditReport();
  const counts = new ResultCounts();
  const writeFiles = async (summary: AuditSummary, run: AuditRun): Promise<void> => {
    if (flags.html !== undefined && report !== undefined) {
      const about = { version: await io.version(), checkedAt: new Date(run.endedAt).toISOString(), given };
      await writeOutputFile(REPORT_FILE, flags.html, report.render(summary, about));
    }
    if (flags.metrics !== undefined) {
      await writeOutputFile(METRICS_FILE, flags.metrics, expositionOf(auditMetrics(summary, counts, run)));
    }
  };
  return {
    result: async (result) => {
      report?.add(result);
      counts.add(result);
      if (isShown(result)) await show.result(result);
    },
    summary: async (summary, run) => {
      await show.summary(summary);
      const code = exitOf[summary.verdict];
      try {
        await writeFiles(summary, run);
      } catch (error) {
        if (code === exitCode.done) throw error;
        await print(io.stderr, errorText(error)); // what was found counts more
      }
      return code;
    },
  };
}
