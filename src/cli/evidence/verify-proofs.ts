import { TamperError } from '../../errors.ts';
import { type ProofKind, type VerifyOptions, verifyProofWith, verifyStreamProofsWith } from '../../internal.ts';
import {
  type ProofsReport,
  proofsLines,
  proofsReport,
  type StreamProofsReport,
  streamProofsReport,
} from '../../report/words/proofs.ts';
import type { FlagValues } from '../flags.ts';
import { jsonText, printable } from '../output.ts';
import type { VerifyFlags } from '../verify-request.ts';

/** `fapilog-tamper verify NAME.tlog-proof`, and `verify NAME.stream-proof` */

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

/** @throws {@link TamperError} `USAGE`, with the flag that is about logs */
export function refuseLogFlags(flags: FlagValues<VerifyFlags>): void {
  for (const name of OF_LOGS) {
    const value = flags[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new TamperError('USAGE', `--${name} is about logs, but a proof is to be verified`, {
      hint:
        name === 'known'
          ? 'A proof does not show that a log continues what was known. To compare its checkpoint with one that you hold: --since NOTE'
          : 'Of the flags of verify, --origin, --policy, --config, --public-key, --witness, --cosignatures, --since and --strict apply to a proof.',
    });
  }
}

/** Verifies every file. @throws {@link TamperError} as `verifyProof` */
export async function verifyProofs(
  kind: ProofKind,
  { paths, origin, continued, policy, publicKeys, held, witnesses, cosignatures }: VerifyOptions,
): Promise<ProofsReport | StreamProofsReport> {
  const options = {
    ...(origin !== undefined && { origin }),
    ...(continued !== undefined && { continued }),
    ...(policy !== undefined && { policy }),
    ...(publicKeys !== undefined && { publicKeys }),
    ...(held !== undefined && { held }),
    ...(witnesses !== undefined && { witnesses }),
    ...(cosignatures !== undefined && { cosignatures }),
  };
  if (kind === 'stream') return streamProofsReport(await verifyStreamProofsWith(paths, options));
  const proofs: ProofsReport['proofs'][number][] = [];
  for (const file of paths) proofs.push({ file, ...(await verifyProofWith(file, options)) });
  return proofsReport(proofs);
}

/** The report as it is printed. Nothing from a file reaches a terminal raw (spec 8). */
export function proofsText(report: ProofsReport | StreamProofsReport, format: 'text' | 'json', quiet: boolean): string {
  if (format === 'json') return `${jsonText(report, 2)}\n`;
  return `${proofsLines(report, quiet).map(printable).join('\n')}\n`;
}
