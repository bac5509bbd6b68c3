import type { ProofReport } from '../../verify/proof/proof-report.ts';
import type { Verdict } from '../../verify/verdict/report.ts';

/** What is said of proofs of single records. */

/** What each proof came to, and all of them: `spec/proof-report.schema.json`. */
export interface ProofsReport {
  readonly version: 1;
  readonly verdict: Verdict;
  readonly proofs: readonly FileProof[];
  readonly note: string;
}

type FileProof = ProofReport & { readonly file: string };

const NOTE = 'a proof says that this record is in the log, and nothing about the records around it';

/** The worst verdict is that of all. */
export function proofsReport(proofs: readonly FileProof[]): ProofsReport {
  const verdicts = proofs.map(({ verdict }) => verdict);
  const verdict = verdicts.find((one) => one === 'tampered') ?? verdicts.find((one) => one === 'undecided') ?? 'ok';
  return { version: 1, verdict, proofs, note: NOTE };
}

/** The report as people read it; `quiet`: only the verdicts. What comes from a file is as it is there. */
export function proofsLines({ verdict, proofs }: ProofsReport, quiet: boolean): string[] {
  const lines = proofs.flatMap((proof) => proofLines(proof, quiet));
  return quiet || verdict !== 'ok' ? lines : [...lines, `This ${NOTE.slice(2)}.`];
}

const HEADLINE = { ok: 'OK', tampered: 'TAMPERED', undecided: 'UNDECIDED' } as const;

/** The record is shown up to here, in characters. */
const SHOWN_CHARACTERS = 4096;

function recordLines({ record, verdict }: ProofReport): string[] {
  if (record === undefined) return [];
  const { text, base64, part, lastPart } = record;
  const whole = part === undefined ? '' : `, part ${part} of a long line${lastPart === true ? ', the last one' : ''}`;
  const form = text === undefined ? ', as base64' : '';
  const shown = text ?? base64 ?? '';
  const cut = shown.length > SHOWN_CHARACTERS ? `… (${shown.length} characters; --format json has them all)` : '';
  const claim = verdict === 'ok' ? 'the record' : 'what it says about the record, which is not proven';
  return [`  ${claim}${whole}${form}:`, `    ${shown.slice(0, SHOWN_CHARACTERS)}${cut}`];
}

function proofLines({ file, ...report }: FileProof, quiet: boolean): string[] {
  const { verdict, origin, seq, size, sealedAt, signers, held, findings } = report;
  const headline = `${HEADLINE[verdict]}  ${file}`;
  if (quiet) return [headline];
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
  return lines;
}
