import type { CheckedRun } from '../stream/checked-run.ts';

/** What a reader and the processes that check parts of a file say to each other, over their pipe. */

/** The descriptor under which such a process finds the file. */
export const FILE_DESCRIPTOR = 4;

/** A key period's chain key at a step. It never leaves the pipe between the two. */
export interface ChainKey {
  readonly key: number;
  readonly kid: string;
  readonly step: number;
  readonly chain: Uint8Array;
}

/** Check the records between two offsets. `keys` are new; they are good for later requests too. */
export interface SegmentRequest {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly keys: readonly ChainKey[];
}

/** What was found right. Everything else is read by the one who asked. */
export interface SegmentResult {
  readonly id: number;
  readonly runs: readonly CheckedRun[];
}
