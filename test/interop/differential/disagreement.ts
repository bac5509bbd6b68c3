import type { Answer, Case } from './both-sides.ts';

export interface Disagreement {
  readonly case: Case;
  readonly ours: Answer;
  readonly theirs: Answer;
  /** `verdict`: one side says 0 alone. `honest`: an honest log is called tampered with. */
  readonly why: 'verdict' | 'honest';
}

/** Why two answers may not stand beside each other. */
export function disagree(ours: Answer, theirs: Answer, honest: boolean): Disagreement['why'] | undefined {
  if ((ours.verdict === 0) !== (theirs.verdict === 0)) return 'verdict';
  return honest && (ours.verdict === 1 || theirs.verdict === 1) ? 'honest' : undefined;
}
