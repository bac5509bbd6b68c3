import type { Finding, KeyReport, StreamReport, VerifyReport } from '../index.ts';
import { printable } from './output.ts';

/** The report as people read it. Nothing from a file reaches a terminal raw (spec 8.12). */

export type Level = 'quiet' | 'normal' | 'verbose';

/** Findings of one code that the normal report shows. */
const SHOWN_PER_CODE = 5;

const HEADLINE = {
  ok: 'OK',
  tampered: 'TAMPERED',
  undecided: 'UNDECIDED',
} as const;

function place({ file, line, seq, lastSeq, offset }: Finding): string {
  const parts: string[] = [];
  if (file !== undefined) parts.push(line === undefined ? file : `${file}:${line}`);
  if (seq !== undefined) parts.push(lastSeq === undefined || lastSeq === seq ? `seq ${seq}` : `seq ${seq}-${lastSeq}`);
  if (offset !== undefined) parts.push(`byte ${offset}`);
  return parts.join(', ');
}

function findingLines(findings: readonly Finding[], more: Readonly<Record<string, number>>, level: Level): string[] {
  const shown = new Map<string, number>();
  const lines: string[] = [];
  for (const finding of findings) {
    const count = (shown.get(finding.code) ?? 0) + 1;
    shown.set(finding.code, count);
    if (level !== 'verbose' && count > SHOWN_PER_CODE) continue;
    lines.push(`  ${finding.severity.padEnd(9)} ${finding.code}: ${finding.message}`);
    const where = place(finding);
    if (where !== '') lines.push(`            at ${where}`);
  }
  for (const [code, count] of shown) {
    const hidden = (level === 'verbose' ? 0 : Math.max(count - SHOWN_PER_CODE, 0)) + (more[code] ?? 0);
    if (hidden > 0) lines.push(`            and ${hidden} more ${code}`);
  }
  return lines;
}

function keyText({ keyId, records, firstSeq, lastSeq, dataKey, signers, checkedBy, status }: KeyReport): string {
  const identities = [...(dataKey === undefined ? [] : [dataKey]), ...signers].map(
    ({ source, identity }) => `${source} ${identity}`,
  );
  const how = checkedBy.length === 0 ? 'checked by nothing' : `checked by ${checkedBy.join(' and ')}`;
  return `  ${keyId}: entries ${firstSeq}-${lastSeq}, ${records}, ${how}, ${status}; ${identities.join('; ')}`;
}

function whoCanForge(keys: readonly KeyReport[]): string[] {
  if (keys.length === 0 || !keys.some(({ checkedBy }) => checkedBy.includes('mac'))) return [];
  if (keys.every(({ checkedBy }) => checkedBy.includes('signature'))) return [];
  return ['  note: checked with a data key alone; whoever holds that key could have written this log'];
}

function streamLines(stream: StreamReport, level: Level): string[] {
  const { origin, verdict, firstSeq, lastSeq, records, endTime, end, continuedBy, keys } = stream;
  const name = origin === '' ? 'files of no named stream' : origin;
  const lines = [`${HEADLINE[verdict]}  ${name}`];
  if (level === 'quiet') return lines;
  lines.push(...whoCanForge(keys));
  if (lastSeq > 0) {
    const until = endTime === undefined ? '' : `, up to ${endTime}`;
    lines.push(
      `  entries ${firstSeq} to ${lastSeq}, ${records} records${until}; ${continuedBy === undefined ? end : `continued by ${continuedBy}`}`,
    );
  }
  if (level === 'verbose') lines.push(...keys.map(keyText));
  else if (keys.length > 0) lines.push(`  keys: ${[...new Set(keys.flatMap(keyNames))].join('; ')}`);
  lines.push(...findingLines(stream.findings, stream.more, level));
  return lines;
}

function keyNames({ dataKey, signers, checkedBy }: KeyReport): string[] {
  const names: string[] = [];
  if (dataKey !== undefined)
    names.push(`data key ${dataKey.identity}${checkedBy.includes('mac') ? '' : ' (not checked)'}`);
  for (const { identity } of signers)
    names.push(`signer ${identity}${checkedBy.includes('signature') ? '' : ' (not checked)'}`);
  return names;
}

/** The report as text, with a line feed at its end. */
export function verdictText(report: VerifyReport, level: Level): string {
  const lines = report.streams.flatMap((stream) => streamLines(stream, level));
  if (report.streams.length !== 1) lines.push(`${HEADLINE[report.verdict]}  ${report.streams.length} streams`);
  if (level !== 'quiet') lines.push(`(${report.note})`);
  return `${lines.map(printable).join('\n')}\n`;
}
