import { tagOf } from '../format/origin.ts';
import { auditorFor } from './auditor/auditor-for.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { claimedOrigin, patternsOf } from './files/grouping.ts';
import { checkProof } from './proof/check-proof.ts';
import type { ProofReport } from './proof/proof-report.ts';

/** What a proof's verdict is based on: what the auditor brings, and nothing that comes with the proof. */
export type ProofOptions = Pick<
  VerifyOptions,
  'origin' | 'continued' | 'policy' | 'publicKeys' | 'held' | 'witnesses' | 'cosignatures'
>;

/**
 * Verifies the proof of one record by itself (spec/evidence.md, section 3).
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `FORMAT_INVALID`
 */
export async function verifyProof(bytes: Uint8Array, options: ProofOptions): Promise<ProofReport> {
  const patterns = patternsOf(options);
  return checkProof(bytes, (origin) => {
    const named = claimedOrigin(patterns, { tag: tagOf(origin), origin }, options.continued);
    return named === undefined ? undefined : auditorFor({ ...options, paths: [] }, origin, options.held ?? []);
  });
}
