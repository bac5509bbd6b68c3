import type { ProofReport } from '../../index.ts';
import { printable } from '../output.ts';

/** The verdict on a proof as people read it. Nothing from a file reaches a terminal raw (spec 8). */

const HEADLINE = { ok: 'OK', tampered: 'TAMPERED', undecided: 'UNDECIDED' } as const;

/** The record is shown up to here, in characters. */
const SHOWN = 4096;

function recordLines({ record, verdict }: ProofReport): string[] {
  if (record === undefined) return [];
  const { text, base64, part, lastPart } = record;
  const whole = part === undefined ? '' : `, part ${part} of a long line${lastPart === true ? ', the last one' : ''}`;
  const form = text === undefined ? ', as base64' : '';
  const shown = text ?? base64 ?? '';
  const cut = shown.length > SHOWN ? `… (${shown.length} characters; --format json has them all)` : '';
  const claim = verdict === 'ok' ? 'the record' : 'what it says about the record, which is not proven';
  return [`  ${claim}${whole}${form}:`, `    ${shown.slice(0, SHOWN)}${cut}`];
}

/** One proof as text, each line without its LF; `quiet`: only the verdict. */
export function proofLines(file: string, report: ProofReport, quiet: boolean): string[] {
  const { verdict, origin, seq, size, sealedAt, signers, held, findings } = report;
  const headline = `${HEADLINE[verdict]}  ${file}`;
  if (quiet) return [printable(headline)];
  const lines = [headline];
  if (origin !== undefined) {
    lines.push(`  entry ${seq} of ${origin}, under its checkpoint of ${size} entries`);
    if (sealedAt !== undefined && verdict === 'ok') {
      lines.push(`  sealed at ${sealedAt} by the writer's clock: it was in the log by then`);
    }
  }
  for (const { algorithm, fingerprint = '', givenBy = 'the policy' } of signers) {
    lines.push(`  signed by ${algorithm} ${fingerprint} (${givenBy})`);
  }
  if (held) lines.push('  you hold this very checkpoint');
  lines.push(...findings.map(({ severity, code, message }) => `  ${severity.padEnd(9)} ${code}: ${message}`));
  lines.push(...recordLines(report));
  return lines.map(printable);
}
