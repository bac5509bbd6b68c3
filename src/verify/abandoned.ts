import type { Digest } from '../core/hash.ts';
import type { OpenEntry } from '../format/control.ts';
import type { StreamState } from './state.ts';

/**
 * A shipped copy that is ahead of a crashed host (spec 8, `ABANDONED`, M8.26): the host went on below what was shipped. The
 * entries between the two burn their epoch numbers and are left out.
 *
 * @returns whether the open goes on below the present end; otherwise it is an entry out of its order
 */
export function abandon(state: StreamState, seq: number, open: OpenEntry, leaf: Digest): boolean {
  const size = seq - 1;
  if (open.why !== 'recovered' && open.why !== 'resumed') return false;
  if (state.broken || state.tree.sawLeaf(seq, leaf)) return false;
  if (state.verifiedSize > size || state.heldConfirmed > size || seq < state.firstSeq) return false;
  // a writer never goes back below what it gave to any signer
  if ([...state.signed.values()].some(({ max }) => max > size)) return false;
  const end = state.next - 1;
  const unproven = state.lastUnchecked > size;
  if (!state.tree.rewindTo(size)) return false;
  const count = end - size;
  state.abandonedEntries += count;
  const tooMany = state.abandonedEntries > state.auditor.accept.abandoned;
  const place = { ...state.here(seq), lastSeq: end };
  const message = `entries ${seq} to ${end}: the writer crashed and went on before them; this copy has lines that its host lost`;
  if (unproven) state.findings.add('ABANDONED_UNPROVEN', place, `${message}, and nothing shows who wrote them`);
  else state.findings.add('ABANDONED', place, message, tooMany ? 'undecided' : undefined);
  goBack(state, size);
  return true;
}

function goBack(state: StreamState, size: number): void {
  for (const epoch of state.epochs) if (epoch.introducedAt > size) epoch.schedule?.erase();
  state.epochs = state.epochs.filter((epoch) => epoch.introducedAt <= size);
  state.announced = undefined;
  const epoch = state.epochs.at(-1);
  if (epoch !== undefined) {
    epoch.lastSeq = Math.min(epoch.lastSeq, size);
    if (epoch.lastSeal > size) epoch.lastSeal = state.tree.lastSealUpTo(size, epoch)?.seq ?? 0;
    epoch.macCheckpoint = Math.min(epoch.macCheckpoint, size);
  }
  state.epoch = epoch;
  state.lastUnchecked = Math.min(state.lastUnchecked, size);
  state.askRootsAbove(size);
  state.next = size + 1;
  state.expect = { what: 'any' };
}
