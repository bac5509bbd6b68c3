import type { Subtree } from '../../core/subtrees.ts';
import type { AuthMember } from '../../format/entry.ts';
import { epochOfRecords, takeRecords } from '../entry/entries.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** Consecutive records of one step of one key period, checked by another process as the matcher would have checked them. */
export interface CheckedRun {
  /** The bytes of the file that they stand in: whole lines. */
  readonly from: number;
  readonly to: number;
  readonly firstSeq: number;
  readonly count: number;
  readonly kid: string;
  readonly member: AuthMember;
  readonly salted: boolean;
  /** Which of the shared keys verified every MAC, and at which step; absent where none was tried. */
  readonly macs?: { readonly key: number; readonly step: number };
  /** The leaf hashes, 32 bytes each. */
  readonly leaves: Uint8Array;
  readonly subtrees: readonly Subtree[];
}

/** Whether every auth of the run was checked as the key period in force demands. */
function authenticated(
  { member, salted, macs, firstSeq, count }: CheckedRun,
  epoch: Epoch,
  keyOf: (epoch: Epoch) => number | undefined,
): boolean {
  if (member !== epoch.member || salted !== epoch.salted) return false;
  if (member === 'hash' || epoch.schedule === undefined) return true;
  if (!epoch.keyCounts(firstSeq + count - 1)) return false;
  if (epoch.keyState !== 'right' || !epoch.stepKnown || macs === undefined) return false;
  return macs.key === keyOf(epoch) && macs.step === epoch.schedule.step;
}

/**
 * Takes a run in the place where the stream stands. False where anything is not as an honest log has it: then its lines are
 * read here, one by one.
 */
export function takeRun(state: StreamState, run: CheckedRun, keyOf: (epoch: Epoch) => number | undefined): boolean {
  const last = run.firstSeq + run.count - 1;
  const epoch = epochOfRecords(state, run.firstSeq, last);
  if (epoch === undefined || run.kid !== epoch.kid || !authenticated(run, epoch, keyOf)) return false;
  state.tree.appendRun(run.firstSeq, run.leaves, run.subtrees);
  takeRecords(state, epoch, last, run.count, epoch.member !== 'hash' && epoch.schedule !== undefined);
  return true;
}
