import type { Digest } from '../../core/hash.ts';
import { epochOfRecords, takeRecords } from '../entry/entries.ts';
import { type Epoch, KEPT_DOUBTS } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/**
 * How a record was checked, as far as what follows depends on it: its checksum; its form alone, without a key; its form, behind
 * a hole; its MAC, and found to be of another key; its MAC, verified; the same, under a fingerprint that was altered.
 */
export const RUN_CHECKS = ['checksum', 'form', 'behind-a-hole', 'doubtful', 'mac', 'mac-altered'] as const;

/** One of {@link RUN_CHECKS}. */
export type RunCheck = (typeof RUN_CHECKS)[number];

/** Is told of every record that was taken as an honest log has it, and changed nothing but counts and the tree. */
export interface Recorder {
  record(seq: number, leaf: Digest, epoch: Epoch, check: RunCheck): void;
}

/** Consecutive records that a verifier took one like the other: enough to bring another verifier behind them. */
export interface RecordedRun {
  readonly firstSeq: number;
  readonly count: number;
  /** The number of their key period. */
  readonly epoch: number;
  readonly check: RunCheck;
  /** The step that verified their MACs; 0 where none was. */
  readonly step: number;
  /** Where the last one stood. */
  readonly line: number;
  readonly offset: number;
  /** Their leaf hashes, 32 bytes each; empty where they are too old to be asked for again. */
  readonly leaves: Uint8Array;
  /** The frontier behind them; absent where the range has no known root. */
  readonly frontier: readonly Digest[] | undefined;
}

/** How the next record will be checked; undefined where more may come of it than of its like. */
export function checkedHow(state: StreamState, epoch: Epoch, seq: number): RunCheck | undefined {
  if (state.asked.next === seq) return undefined;
  if (epoch.member === 'hash') return 'checksum';
  if (epoch.schedule === undefined || !epoch.keyCounts(seq)) return 'form';
  if (!epoch.stepKnown) return 'behind-a-hole';
  if (epoch.keyState === 'unproven') return epoch.doubtful.length < KEPT_DOUBTS ? undefined : 'doubtful';
  return epoch.keyState === 'right' ? 'mac' : 'mac-altered';
}

/** The step whose keys verified a MAC. */
export function stepOf(epoch: Epoch, check: RunCheck): number {
  return check === 'mac' || check === 'mac-altered' ? (epoch.schedule?.step ?? 0) : 0;
}

/** Takes a run where the stream stands. False where its records would not have been checked so here. */
export function resumeRun(state: StreamState, run: RecordedRun): boolean {
  const { firstSeq, count, check } = run;
  const last = firstSeq + count - 1;
  const epoch = epochOfRecords(state, firstSeq, last);
  if (epoch?.number !== run.epoch) return false;
  for (const seq of [firstSeq, last]) if (checkedHow(state, epoch, seq) !== check) return false;
  if (stepOf(epoch, check) !== run.step || (run.frontier === undefined) !== (state.tree.frontier === undefined)) {
    return false;
  }
  state.tree.resumeRun(firstSeq, count, run.leaves, run.frontier ?? []);
  takeRecords(state, epoch, last, count, check === 'mac' || check === 'mac-altered');
  state.place.at(run.line, run.offset);
  return true;
}
