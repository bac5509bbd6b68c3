import { encodeNoteKey } from '../format/vkey.ts';
import type { NamedPublicKey } from './auditor.ts';
import type { Epoch, SignerId } from './epoch.ts';
import type { StreamState } from './state.ts';

/** Which keys the auditor named, for which sizes, and what each of them signed (spec 8.5, 8.6). */

function namedFor(state: StreamState, id: SignerId): NamedPublicKey[] {
  return state.publicKeys.filter((named) => encodeNoteKey(named.key).toString('latin1') === id);
}

/** Whether the auditor named this key, for whatever sizes, or accepts it as the successor of one. */
export function countsAsNamed(state: StreamState, id: SignerId): boolean {
  return state.successors.has(id) || namedFor(state, id).length > 0;
}

/** Where the auditor has a key from; undefined where it is named nowhere. */
export function namesFrom(state: StreamState, id: SignerId): string | undefined {
  const places = namedFor(state, id).map(({ givenBy = 'the options' }) => givenBy);
  if (places.length > 0) return [...new Set(places)].join(', ');
  return state.successors.has(id) ? 'a hand-over' : undefined;
}

/** The signers of a key period that the auditor named. */
export function namedSigners(state: StreamState, epoch: Epoch): SignerId[] {
  return [...epoch.signers.keys()].filter((id) => countsAsNamed(state, id));
}

/** Whether the key counts for a checkpoint of this size. A range that the auditor gave is never widened by the log. */
export function countsForSize(state: StreamState, id: SignerId, size: number): boolean {
  const named = namedFor(state, id);
  if (named.length > 0) return named.some(({ fromSeq, untilSeq }) => size >= fromSeq && size <= untilSeq);
  return state.successors.get(id)?.some(({ from, until }) => size >= from && size <= until) === true;
}

/** Notes that a key signed a checkpoint of this size. */
export function noteNamedSizes(state: StreamState, id: SignerId, size: number): void {
  const entry = state.signed.get(id) ?? { max: 0, namedMax: 0 };
  entry.max = Math.max(entry.max, size);
  if (countsForSize(state, id, size)) entry.namedMax = Math.max(entry.namedMax, size);
  state.signed.set(id, entry);
}

/** The largest size that one of these keys signed within the range it is named for; 0 if none. */
export function namedMax(state: StreamState, ids: Iterable<SignerId>): number {
  let max = 0;
  for (const id of ids) max = Math.max(max, state.signed.get(id)?.namedMax ?? 0);
  return max;
}

/** The largest size that one of these keys signed; of a key that the auditor named, within its range. 0 if none. */
export function countedMax(state: StreamState, ids: Iterable<SignerId>): number {
  let max = 0;
  for (const id of ids) {
    const signed = state.signed.get(id);
    if (signed !== undefined) max = Math.max(max, namedFor(state, id).length > 0 ? signed.namedMax : signed.max);
  }
  return max;
}
