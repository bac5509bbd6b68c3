import type { AuditFinding, AuditSummary, StreamResult } from '../../internal.ts';
import { printable } from '../output.ts';

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
export function resultText(result: StreamResult): string {
  const { verdict, stream, result: outcome, lastSeq, error, more } = result;
  const name = stream === '' ? filesText(result.files) : printable(stream);
  const size = lastSeq > 0 ? `, up to entry ${lastSeq}` : '';
  const lines = [`${HEADLINE[verdict].padEnd(9)}  ${name}: ${SAID[outcome]}${size}`];
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

/** All streams. */
export function summaryText(summary: AuditSummary): string {
  const { verdict, streams, results, verdicts, read, shard, ignored, time } = summary;
  const run = shard.run === undefined ? '' : ` of run ${printable(shard.run)}`;
  const part = shard.count > 1 ? ` (part ${shard.index} of ${shard.count}${run})` : '';
  const outcomes = Object.entries(results).map(([result, count]) => `${result} ${count}`);
  const ignoredFiles = ignored.files.length + ignored.more;
  return [
    `${HEADLINE[verdict]}: ${streams} ${streams === 1 ? 'stream' : 'streams'}${part}: ${verdicts.ok} ok, ${verdicts.tampered} tampered, ${verdicts.undecided} undecided`,
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
