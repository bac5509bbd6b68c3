import { encodeNoteKey } from '../../format/vkey.ts';
import type { NamedPublicKey } from '../auditor/auditor.ts';
import type { Epoch, SignerId } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** Which keys the auditor named, for which sizes, and what each of them signed (spec 8.5, 8.6). */

interface NamedIndex {
  /** So many of the named keys are in it. */
  taken: number;
  readonly byId: Map<SignerId, NamedPublicKey[]>;
}

const indexes = new WeakMap<readonly NamedPublicKey[], NamedIndex>();

/** Keys are named before the reading and, by the auditor's key service, on the way; none is taken away. */
function namedFor({ publicKeys }: StreamState, id: SignerId): readonly NamedPublicKey[] {
  const index: NamedIndex = indexes.get(publicKeys) ?? { taken: 0, byId: new Map() };
  indexes.set(publicKeys, index);
  for (; index.taken < publicKeys.length; index.taken++) {
    const named = publicKeys[index.taken] as NamedPublicKey;
    const own = encodeNoteKey(named.key).toString('latin1');
    const same = index.byId.get(own);
    if (same === undefined) index.byId.set(own, [named]);
    else same.push(named);
  }
  return index.byId.get(id) ?? [];
}

/** Whether the auditor named this key, for whatever sizes. */
export function isNamed(state: StreamState, id: SignerId): boolean {
  return namedFor(state, id).length > 0;
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
  return state.successors.covers(id, size);
}

/** Notes that a key signed a checkpoint of this size. */
export function noteNamedSizes(state: StreamState, id: SignerId, size: number): void {
  const { settled, evidence } = state;
  const named = countsForSize(state, id, size);
  const before = evidence.signedBy(id);
  const now = evidence.sign(id, size, named);
  const grew = (from: number, to: number): boolean => to > from && from < settled.threshold;
  if (grew(before.max, now.max) || grew(before.namedMax, now.namedMax)) settled.stale = true;
  if (named && settled.covered !== undefined) settled.covered = Math.max(settled.covered, now.namedMax);
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
    max = Math.max(max, namedFor(state, id).length > 0 ? signed.namedMax : signed.max);
  }
  return max;
}
