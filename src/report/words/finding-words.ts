import type { FindingCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';
import { TAMPERED_FINDINGS } from './tampered-findings.ts';
import { UNDECIDED_FINDINGS } from './undecided-findings.ts';
import { WARNINGS } from './warnings.ts';

/** Every finding code in words. */
export const FINDING_WORDS: Readonly<Record<FindingCode, Explanation>> = {
  ...TAMPERED_FINDINGS,
  ...UNDECIDED_FINDINGS,
  ...WARNINGS,
};
