import type { Epoch } from '../model/epoch.ts';
import type { CheckpointNote } from '../state/evidence.ts';
import type { StreamState } from '../state/state.ts';
import { namedSigners } from '../trust/named-keys.ts';

/**
 * How far a stream is proven, computed in this one place: the verdict on its end, the report, the known file and
 * `cat --verified` all go by it (spec 8, M8.21).
 */

/**
 * The largest size that something proves to this auditor: a checkpoint by a named key of its own key period; our MAC where
 * no signer of the key period is named; a held checkpoint whose root was computed here. 0 if nothing does.
 */
export function provenEnd(state: StreamState): number {
  let proven = Math.max(state.evidence.namedSize, state.evidence.heldConfirmed);
  for (const epoch of state.epochs.all) {
    // where a signer is named our MAC is no proof: whoever holds the data key could have made it
    if (epoch.macChecked && namedSigners(state, epoch).length === 0) proven = Math.max(proven, epoch.macCheckpoint);
  }
  return proven;
}

/**
 * Whether a key period belongs to the tail of a log that ends where it is proven: nothing is asked yet of who answers for it
 * and of its keys (M8.21).
 */
export function isTail({ auditor }: StreamState, { introducedAt, run }: Epoch, proven: number): boolean {
  const openEnd = auditor.live || auditor.until !== undefined;
  return openEnd && introducedAt > proven && run.openSeq <= proven; // a run that begins above it is reported as such
}

/** The first and the newest checkpoint in the range that prove something to this auditor, as signed notes. */
export function provingNotes(state: StreamState): { first: string; newest: string } | undefined {
  const { byMac, bySignature } = state.evidence.notes;
  const macCounts = ({ epoch }: CheckpointNote): boolean =>
    epoch !== undefined && namedSigners(state, epoch).length === 0;
  const first = smallest([bySignature?.first, byMac && macCounts(byMac.first) ? byMac.first : undefined]);
  const newest = largest([bySignature?.newest, byMac && macCounts(byMac.newest) ? byMac.newest : undefined]);
  if (first === undefined && newest === undefined) return undefined;
  return { first: (first ?? newest)?.note ?? '', newest: (newest ?? first)?.note ?? '' };
}

type Candidates = readonly (CheckpointNote | undefined)[];

function smallest(notes: Candidates): CheckpointNote | undefined {
  return present(notes).sort((a, b) => a.size - b.size)[0];
}

function largest(notes: Candidates): CheckpointNote | undefined {
  return present(notes).sort((a, b) => b.size - a.size)[0];
}

function present(notes: Candidates): CheckpointNote[] {
  return notes.filter((note) => note !== undefined);
}
