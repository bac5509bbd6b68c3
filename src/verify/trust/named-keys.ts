import type { Epoch, SignerId } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** Which keys the auditor named, for which sizes, and what each of them signed (spec 8.5, 8.6). */

/** Whether the auditor named this key, for whatever sizes. */
export function isNamed(state: StreamState, id: SignerId): boolean {
  return state.knownKeys.namedAs(id).length > 0;
}

/** Whether the auditor named this key, for whatever sizes, or accepts it as the successor of one. */
export function countsAsNamed(state: StreamState, id: SignerId): boolean {
  return state.epochs.successors.has(id) || state.knownKeys.namedAs(id).length > 0;
}

/** Where the auditor has a key from; undefined where it is named nowhere. */
export function namesFrom(state: StreamState, id: SignerId): string | undefined {
  const places = state.knownKeys.namedAs(id).map(({ givenBy = 'the options' }) => givenBy);
  if (places.length > 0) return [...new Set(places)].join(', ');
  return state.epochs.successors.has(id) ? 'a hand-over' : undefined;
}

/** The signers of a key period that the auditor named. */
export function namedSigners(state: StreamState, epoch: Epoch): SignerId[] {
  return [...epoch.signers.keys()].filter((id) => countsAsNamed(state, id));
}

/** Whether the key counts for a checkpoint of this size. A range that the auditor gave is never widened by the log. */
export function countsForSize(state: StreamState, id: SignerId, size: number): boolean {
  const named = state.knownKeys.namedAs(id);
  if (named.length > 0) return named.some(({ fromSeq, untilSeq }) => size >= fromSeq && size <= untilSeq);
  return state.epochs.successors.covers(id, size);
}

/** Notes that a key signed a checkpoint of this size. */
export function noteNamedSizes(state: StreamState, id: SignerId, size: number): void {
  const named = countsForSize(state, id, size);
  const before = state.evidence.signedBy(id);
  state.epochs.settled.sign(before, state.evidence.sign(id, size, named), named);
}

/** The largest size that one of these keys signed within the range it is named for; 0 if none. */
export function namedMax(state: StreamState, ids: Iterable<SignerId>): number {
  let max = 0;
  for (const id of ids) max = Math.max(max, state.evidence.signedBy(id).namedMax);
  return max;
}

/** The largest size that one of these keys signed; of a key that the auditor named, within its range. 0 if none. */
export function countedMax(state: StreamState, ids: Iterable<SignerId>): number {
  let max = 0;
  for (const id of ids) {
    const signed = state.evidence.signedBy(id);
    max = Math.max(max, state.knownKeys.namedAs(id).length > 0 ? signed.namedMax : signed.max);
  }
  return max;
}
