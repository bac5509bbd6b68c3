import type { StreamState } from '../state/state.ts';
import { assess, coveredSize } from '../verdict/assessment.ts';
import { provenEnd } from '../verdict/proven-end.ts';
import { reportRestarts } from './restarts.ts';

/**
 * Files that are not here split a log into ranges (M8.24). Each is verified by itself, as a range that begins in the middle:
 * nothing that was read before the hole vouches for what comes after it, nor the other way round.
 */

/**
 * Says of the range that was read what can only be said of the whole, and begins another one. Something was found before.
 *
 * @param end - the first entry that is none of it
 */
export function beginRange(state: StreamState, end: number = state.order.next): void {
  state.sequence.end();
  state.contradictions.report(state.evidence.settledSize);
  reportRestarts(state);
  if (!state.coverage.stopped) assess(state);
  for (const epoch of state.epochs.all) epoch.endRange(coveredSize(state, epoch));
  state.order.noteUnproven(provenEnd(state), end, state.evidence.lastUnchecked);
  state.beginRange();
}

/** All that was read of the range was abandoned: the log begins with what comes, and nobody was told yet that it does so late. */
export function forgetRange(state: StreamState): void {
  state.sequence.end();
  state.contradictions.goBack(0);
  state.beginRange(state.order.startReported);
}

/** The first entry of a file has come: was a checkpoint line before it too early, or is it about a part that is not here? */
export function settleEarlyCheckpoint(state: StreamState, seq: number): void {
  const early = state.skipped.settle(seq);
  if (early === undefined) return;
  const message = `a checkpoint of ${early.size} entries comes before entry ${seq}, which it covers`;
  state.findings.add('CHECKPOINT_EARLY', early.place, message);
}

/** The log ends with a checkpoint of entries that are not here. */
export function endEarlyCheckpoint(state: StreamState): void {
  const { early } = state.skipped;
  if (early === undefined || state.coverage.unread || state.coverage.stopped) return;
  const from = Math.max(state.order.next, 1);
  const lost = state.coverage.mayHold('them');
  const how = lost === undefined ? 'are missing' : `were not found: ${lost}`;
  const message = `a checkpoint of ${early.size} entries is present, but entries ${from} to ${early.size} ${how}`;
  state.findings.add('FILES_MISSING', { ...early.place, seq: from, lastSeq: early.size }, message);
}
