import type { EraseOptions, EraseOutcome } from './erase.ts';

export type { EraseOptions, EraseOutcome, ErasePlan } from './erase.ts';
export type { MemberValue, SeqRange } from './selection.ts';

/** As `eraseRecords` of `erase.ts`, which is loaded with the first call. @throws {@link TamperError} as that */
export async function eraseRecords(options: EraseOptions): Promise<EraseOutcome> {
  return (await import('./erase.ts')).eraseRecords(options);
}
