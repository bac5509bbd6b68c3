import type { ResolvedConfig } from '../../index.ts';
import {
  type AuditFinding,
  type AuditRun,
  type AuditSummary,
  auditMetrics,
  expositionOf,
  METRICS_BEGINNING,
  ResultCounts,
  type StreamResult,
  waitingLines,
  waitingText,
} from '../../internal.ts';
import type { GivenItem } from '../../report/about.ts';
import { AuditReport } from '../../report/html/audit-report.ts';
import { erasedText } from '../../report/words/erased.ts';
import type { CommandIo } from '../command.ts';
import { errorText } from '../error-text.ts';
import { exitCode } from '../exit-code.ts';
import { type Flag, type FlagValues, oneOf, text, under, yes } from '../flags.ts';
import { jsonText, print, printable, printReport } from '../output.ts';
import {
  checkOutputFile,
  type NamedOutput,
  type OutputKind,
  REPORT_FILE,
  refuseInMemory,
  refuseSamePlace,
  writeOutputFile,
} from '../output-file.ts';

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

/** What an audit exits with. */
const exitOf: Readonly<Record<AuditSummary['verdict'], number>> = {
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
function printer(
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

/** The results of an audit as people read them. Nothing from a file reaches a terminal raw. */

const HEADLINE = { ok: 'OK', tampered: 'TAMPERED', undecided: 'UNDECIDED' } as const;

/** What is said of each result. */
const SAID: Readonly<Record<StreamResult['result'], string>> = {
  new: 'seen for the first time',
  grown: 'has grown',
  unchanged: 'unchanged since the last audit',
  rewritten: 'in other files than before',
  removed: 'files that were checked are gone',
  stopped: 'has stopped',
  vanished: 'has vanished',
  rolled_back: 'was rolled back',
  forked: 'is not the stream that was seen before, or there are two such streams',
  replaced: 'changes faster than it can be read',
  missing: 'is missing',
  unclaimed: 'belong to no stream that you named',
  failed: 'could not be audited',
};

/** One stream: a line, and what was found in it. */
function resultText(result: StreamResult): string {
  const { verdict, stream, result: outcome, lastSeq, error, more, erased = 0 } = result;
  const name = stream === '' ? filesText(result.files) : printable(stream);
  const size = lastSeq > 0 ? `, up to entry ${lastSeq}` : '';
  const lines = [`${HEADLINE[verdict].padEnd(9)}  ${name}: ${SAID[outcome]}${size}${behindErased(erased)}`];
  for (const finding of result.findings) lines.push(...findingLines(finding));
  if (more > 0) lines.push(`           and ${more} more`);
  if (error !== undefined) {
    lines.push(`           ${error.code}: ${printable(error.message)}`);
    if (error.hint !== undefined) lines.push(`           hint: ${printable(error.hint)}`);
  }
  return `${lines.join('\n')}\n`;
}

function findingLines({ severity, code, message, file, line, seq, lastSeq }: AuditFinding): string[] {
  const parts: string[] = [];
  if (file !== undefined) parts.push(line === undefined ? file : `${file}:${line}`);
  if (seq !== undefined) parts.push(lastSeq === undefined || lastSeq === seq ? `seq ${seq}` : `seq ${seq}-${lastSeq}`);
  const said = `           ${severity.padEnd(9)} ${code}: ${printable(message)}`;
  return parts.length === 0 ? [said] : [said, `                     at ${printable(parts.join(', '))}`];
}

/** R2.4 */
const behindErased = (erased: number): string => (erased > 0 ? `, ${erasedText(erased)}` : '');

/** All streams. */
function summaryText(summary: AuditSummary): string {
  const { verdict, streams, results, verdicts, read, erased = 0, shard, ignored, time } = summary;
  const run = shard.run === undefined ? '' : ` of run ${printable(shard.run)}`;
  const part = shard.count > 1 ? ` (part ${shard.index} of ${shard.count}${run})` : '';
  const outcomes = Object.entries(results).map(([result, count]) => `${result} ${count}`);
  const ignoredFiles = ignored.files.length + ignored.more;
  return [
    `${HEADLINE[verdict]}: ${streams} ${streams === 1 ? 'stream' : 'streams'}${part}: ${verdicts.ok} ok, ${verdicts.tampered} tampered, ${verdicts.undecided} undecided${behindErased(erased)}`,
    ...(streams === 0 && shard.count > 1 ? ['  no stream falls to this part; the other parts have them'] : []),
    ...(outcomes.length > 0 ? [`  ${outcomes.join(', ')}`] : []),
    `  read: ${filesText(read.files)}, ${read.bytes} bytes`,
    ...(ignoredFiles > 0
      ? [`  left out: ${filesText(ignoredFiles)} that ${ignoredFiles === 1 ? 'is' : 'are'} not part of a log`]
      : []),
    `  as of ${time}: nothing here shows what came after`,
    '',
  ].join('\n');
}

function filesText(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}

/** How many lines of audited streams wait in the state directory of this configuration: they stand in no log, so no verdict speaks of them. */
export type KeptLines = (streams: Iterable<string>) => Promise<number>;

/** Counts them, and says it on standard error where it is not what was said before. */
export function keptLines(config: ResolvedConfig, quiet: boolean, io: CommandIo): KeptLines {
  let said = '';
  return async (streams) => {
    const logs = Array.from(streams, (origin) => ({ origin, files: [config.file] }));
    const waiting = waitingLines(config, logs);
    const text = waiting === undefined ? '' : `note: ${printable(waitingText(waiting))}\n`;
    if (text !== said && text !== '' && !quiet) await print(io.stderr, text);
    said = text;
    return waiting?.lines ?? 0;
  };
}
