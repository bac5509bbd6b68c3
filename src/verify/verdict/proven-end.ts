import type { Epoch } from '../model/epoch.ts';
import type { CheckpointNote, NoteKind } from '../state/evidence.ts';
import type { StreamState } from '../state/state.ts';
import { witnessedSize } from '../trust/cosignatures.ts';
import { namedSigners } from '../trust/named-keys.ts';
import { demandsPostQuantum } from '../trust/post-quantum.ts';

/**
 * How far a stream is proven, computed in this one place: the verdict on its end, the report, the known file and
 * `cat --verified` all go by it (spec 8, M8.21).
 */

/**
 * The largest size that something proves to this auditor: a checkpoint by a named key of its own key period; our MAC where
 * no signer of the key period is named; a held checkpoint whose root was computed here. At most what the witnesses cosigned,
 * where the auditor demands that (M8.29). 0 if nothing does.
 */
export function provenEnd(state: StreamState): number {
  return Math.min(signedEnd(state), witnessedSize(state) ?? Number.MAX_SAFE_INTEGER);
}

/** The same, whatever witnesses say. */
export function signedEnd(state: StreamState): number {
  let proven = Math.max(state.evidence.namedSize, state.evidence.heldConfirmed);
  for (const epoch of state.epochs.all) {
    // where a signer is named our MAC is no proof: whoever holds the data key could have made it
    if (!epoch.macChecked || namedSigners(state, epoch).length > 0) continue;
    if (!demandsPostQuantum(state.auditor, epoch.macCheckpoint)) proven = Math.max(proven, epoch.macCheckpoint);
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

/** The first and the newest checkpoint up to the proven end that prove something to this auditor, as signed notes. */
export function provingNotes(state: StreamState): { first: string; newest: string } | undefined {
  const proven = provenEnd(state);
  const counts = (note: CheckpointNote | undefined, kind: NoteKind): note is CheckpointNote => {
    if (note === undefined || note.size > proven) return false;
    return kind === 'bySignature' || (note.epoch !== undefined && namedSigners(state, note.epoch).length === 0);
  };
  const { byMac, bySignature } = state.evidence.notes;
  const notes: CheckpointNote[] = [];
  for (const note of [bySignature?.first, bySignature?.newest]) if (counts(note, 'bySignature')) notes.push(note);
  for (const note of [byMac?.first, byMac?.newest]) if (counts(note, 'byMac')) notes.push(note);
  for (const { proving } of state.evidence.cosigned.values()) {
    if (proving !== undefined && counts(proving, proving.kind)) notes.push(proving);
  }
  notes.sort((a, b) => a.size - b.size);
  const [first] = notes;
  const newest = notes.at(-1);
  return first === undefined || newest === undefined ? undefined : { first: first.note, newest: newest.note };
}
