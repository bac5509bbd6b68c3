import type { ProofOptions } from '../verify/verify-proof.ts';
import { checkOptions, count, type Forms } from './check-options.ts';
import { checkNeeded, forms, type VerifyOptions } from './verify-options.ts';

/** What to verify, and which of its records to prove. */
export type ProveOptions = VerifyOptions & {
  /** SEQ of the record, from 1: what stands in its line as `"seq"`. */
  readonly seq: number;
};

/** What the verdict on a proof is based on. None of it comes with the proof. */
export type VerifyProofOptions = Omit<ProofOptions, 'publicKeys' | 'policy'> & Pick<VerifyOptions, 'keys' | 'policy'>;

const proveForms: Forms<ProveOptions> = { ...forms, seq: count };

const proofForms: Forms<VerifyProofOptions> = {
  origin: forms.origin,
  continued: forms.continued,
  policy: forms.policy,
  keys: forms.keys,
  held: forms.held,
};

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkProveOptions(options: ProveOptions): void {
  checkOptions('proveRecord', options, proveForms);
  checkNeeded('proveRecord', options, [
    ['paths', 'the files to verify'],
    ['seq', 'the record to prove'],
  ]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkProofOptions(options: VerifyProofOptions): void {
  checkOptions('verifyProof', options, proofForms);
}
