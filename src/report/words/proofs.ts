import type { StreamProofReport } from '../../journal/stream-proof.ts';
import type { ProofReport } from '../../verify/proof/proof-report.ts';
import type { Verdict } from '../../verify/verdict/report.ts';

/** What is said of proofs: of single records, and of streams in a journal. */

/** What each proof came to, and all of them: `spec/proof-report.schema.json`. */
export interface ProofsReport {
  readonly version: 1;
  readonly verdict: Verdict;
  readonly proofs: readonly FileProof[];
  readonly note: string;
}

type FileProof = ProofReport & { readonly file: string };

/** The same of stream proofs. */
export interface StreamProofsReport extends Omit<ProofsReport, 'proofs'> {
  readonly streamProofs: readonly FileStreamProof[];
}

type FileStreamProof = StreamProofReport & { readonly file: string };

const NOTE = 'a proof says that this record is in the log, and nothing about the records around it';
const STREAM_NOTE = 'a stream proof says what the auditor found that night, and is no verification of the stream';

export function proofsReport(proofs: readonly FileProof[]): ProofsReport {
  return { version: 1, verdict: worstOf(proofs), proofs, note: NOTE };
}

/** The same of stream proofs. */
export function streamProofsReport(streamProofs: readonly FileStreamProof[]): StreamProofsReport {
  return { version: 1, verdict: worstOf(streamProofs), streamProofs, note: STREAM_NOTE };
}

/** The worst verdict is that of all. */
function worstOf(proofs: readonly { readonly verdict: Verdict }[]): Verdict {
  const verdicts = proofs.map(({ verdict }) => verdict);
  return verdicts.find((one) => one === 'tampered') ?? verdicts.find((one) => one === 'undecided') ?? 'ok';
}

/** The report as people read it; `quiet`: only the verdicts. What comes from a file is as it is there. */
export function proofsLines(report: ProofsReport | StreamProofsReport, quiet: boolean): string[] {
  const lines =
    'proofs' in report
      ? report.proofs.flatMap((proof) => proofLines(proof, quiet))
      : report.streamProofs.flatMap((proof) => streamProofLines(proof, quiet));
  return quiet || report.verdict !== 'ok' ? lines : [...lines, `This ${report.note.slice(2)}.`];
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
  lines.push(...trustLines({ signers, held, findings }));
  lines.push(...recordLines(report));
  return lines;
}

function trustLines({ signers, held, findings }: Pick<ProofReport, 'signers' | 'held' | 'findings'>): string[] {
  return [
    ...signers.map(
      ({ algorithm, fingerprint = '', givenBy = 'the policy' }) =>
        `  signed by ${algorithm} ${fingerprint} (${givenBy})`,
    ),
    ...(held ? ['  you hold this very checkpoint'] : []),
    ...findings.map(({ severity, code, message }) => `  ${severity.padEnd(9)} ${code}: ${message}`),
  ];
}

function streamProofLines({ file, ...report }: FileStreamProof, quiet: boolean): string[] {
  const { verdict, journal, seq, night, stream, entry, sealedAt } = report;
  const headline = `${HEADLINE[verdict]}  ${file}`;
  if (quiet) return [headline];
  const lines = [headline];
  const claim = verdict === 'ok' ? '' : 'not proven: ';
  if (stream !== undefined && night !== undefined) {
    lines.push(`  ${claim}${stream} in the audit of ${night}: ${entry?.state ?? 'there was no such stream'}`);
    if (entry?.head !== undefined) lines.push(`  ${claim}${entry.head.size} entries, root ${entry.head.root}`);
    if (entry?.since !== undefined)
      lines.push(`  ${claim}before that night: ${entry.since.size} entries, root ${entry.since.root}`);
  }
  if (journal !== undefined) lines.push(`  entry ${seq} of the journal ${journal}`);
  if (sealedAt !== undefined && verdict === 'ok') lines.push(`  sealed at ${sealedAt} by the auditor's clock`);
  lines.push(...trustLines(report));
  return lines;
}
