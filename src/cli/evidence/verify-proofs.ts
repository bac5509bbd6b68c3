import { TamperError } from '../../index.ts';
import { type VerifyOptions, verifyProofWith } from '../../internal.ts';
import { type ProofsReport, proofsLines, proofsReport } from '../../report/words/proofs.ts';
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
  const proofs: ProofsReport['proofs'][number][] = [];
  for (const file of paths) proofs.push({ file, ...(await verifyProofWith(file, options)) });
  return proofsReport(proofs);
}

/** The report as it is printed. Nothing from a file reaches a terminal raw (spec 8). */
export function proofsText(report: ProofsReport, format: 'text' | 'json', quiet: boolean): string {
  if (format === 'json') return `${jsonText(report, 2)}\n`;
  return `${proofsLines(report, quiet).map(printable).join('\n')}\n`;
}
