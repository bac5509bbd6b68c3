import { type ProofReport, TamperError, type Verdict } from '../../index.ts';
import { type VerifyOptions, verifyProofWith } from '../../internal.ts';
import type { FlagValues } from '../flags.ts';
import { jsonText, printable } from '../output.ts';
import type { VerifyFlags } from '../verify-request.ts';

/** `fapilog-tamper verify NAME.tlog-proof` */

/** Flags that speak of a log: with a proof they would mean nothing. */
const OF_LOGS = [
  'key-env',
  'keys',
  'known',
  'unwrap',
  'manifest',
  'live',
  'now',
  'part',
  'demux',
  'accept-successors',
  'max-bytes',
  'timestamp',
  'tsa-certificate',
  'jobs',
] as const;

const NOTE = 'a proof says that this record is in the log, and nothing about the records around it';

/** What each proof came to, and all of them. */
export interface ProofsReport {
  readonly verdict: Verdict;
  readonly proofs: readonly (ProofReport & { readonly file: string })[];
}

/** @throws {@link TamperError} `USAGE`, with the flag that is about logs */
export function refuseLogFlags(flags: FlagValues<VerifyFlags>): void {
  for (const name of OF_LOGS) {
    const value = flags[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new TamperError('USAGE', `--${name} is about logs, but a proof of one record is to be verified`, {
      hint:
        name === 'known'
          ? 'A proof does not show that a log continues what was known. To compare its checkpoint with one that you hold: --since NOTE'
          : 'Of the flags of verify, --origin, --policy, --config, --public-key, --witness, --cosignatures, --since and --strict apply to a proof.',
    });
  }
}

/** Verifies every file. @throws {@link TamperError} as `verifyProof` */
export async function verifyProofs({
  paths,
  origin,
  continued,
  policy,
  publicKeys,
  held,
  witnesses,
  cosignatures,
}: VerifyOptions): Promise<ProofsReport> {
  const options = {
    ...(origin !== undefined && { origin }),
    ...(continued !== undefined && { continued }),
    ...(policy !== undefined && { policy }),
    ...(publicKeys !== undefined && { publicKeys }),
    ...(held !== undefined && { held }),
    ...(witnesses !== undefined && { witnesses }),
    ...(cosignatures !== undefined && { cosignatures }),
  };
  const proofs: (ProofReport & { file: string })[] = [];
  for (const file of paths) proofs.push({ file, ...(await verifyProofWith(file, options)) });
  const verdicts = proofs.map(({ verdict }) => verdict);
  const verdict = verdicts.find((one) => one === 'tampered') ?? verdicts.find((one) => one === 'undecided') ?? 'ok';
  return { verdict, proofs };
}

/** The report as it is printed. */
export function proofsText({ verdict, proofs }: ProofsReport, format: 'text' | 'json', quiet: boolean): string {
  if (format === 'json') return `${jsonText({ version: 1, verdict, proofs, note: NOTE }, 2)}\n`;
  const lines = proofs.flatMap(({ file, ...report }) => proofLines(file, report, quiet));
  const note = quiet || verdict !== 'ok' ? [] : [`This ${NOTE.slice(2)}.`];
  return `${[...lines, ...note].join('\n')}\n`;
}

/** The verdict on a proof as people read it. Nothing from a file reaches a terminal raw (spec 8). */

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

/** One proof as text, each line without its LF; `quiet`: only the verdict. */
function proofLines(file: string, report: ProofReport, quiet: boolean): string[] {
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
