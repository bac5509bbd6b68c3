import { TamperError } from '../errors.ts';
import type { ProofReport } from '../verify/proof/proof-report.ts';
import { verifyProof } from '../verify/verify-proof.ts';
import { withKeys } from './open-keys.ts';
import type { VerifyProofOptions } from './proof-options.ts';

/** As `verifyProof` of the package, whose options were checked. */
export async function checkProof(proof: string | Uint8Array, options: VerifyProofOptions): Promise<ProofReport> {
  if (typeof proof !== 'string' && !(proof instanceof Uint8Array)) {
    throw new TamperError('USAGE', 'verifyProof takes the bytes or the text of a proof');
  }
  const bytes = typeof proof === 'string' ? Buffer.from(proof, 'utf8') : proof;
  return withKeys({ ...options, paths: [] }, async ({ publicKeys = [], ...rest }) => {
    const { origin, continued, policy, held, witnesses, cosignatures } = rest;
    return verifyProof(bytes, {
      publicKeys,
      ...(origin !== undefined && { origin }),
      ...(continued !== undefined && { continued }),
      ...(policy !== undefined && { policy }),
      ...(held !== undefined && { held }),
      ...(witnesses !== undefined && { witnesses }),
      ...(cosignatures !== undefined && { cosignatures }),
    });
  });
}
