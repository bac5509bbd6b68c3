import type { Epoch, SignerId } from './epoch.ts';
import { countedMax, countsAsNamed, namedMax, namedSigners } from './named-keys.ts';
import type { StreamState } from './state.ts';

/** Who answers for a key period (spec 8.6, M8.17): vouched, keyed or nobody. */

/** What is known of the stream's signers once the key periods before have been settled. */
interface Proven {
  /** Keys that have signed for a vouched key period. */
  readonly signers: Set<SignerId>;
  /** Keys that were handed over to another. */
  readonly retired: Set<SignerId>;
}

/** Settles the status of every key period, in their order. May be called again when more is known. */
export function settleStatuses(state: StreamState): void {
  const proven: Proven = { signers: new Set(), retired: new Set() };
  const covered = namedMax(
    state,
    [...state.signed.keys()].filter((id) => countsAsNamed(state, id)),
  );
  for (const epoch of state.epochs) {
    epoch.status = statusOf(state, epoch, proven, covered);
    epoch.signersProven = epoch.status === 'vouched' && signersAnsweredFor(state, epoch, covered);
    retire(epoch, proven);
    if (!epoch.signersProven) continue;
    for (const id of epoch.signers.keys()) if ((state.signed.get(id)?.max ?? 0) > 0) proven.signers.add(id);
  }
}

function retire(epoch: Epoch, proven: Proven): void {
  for (const id of epoch.predecessor?.signers.keys() ?? []) if (!epoch.signers.has(id)) proven.retired.add(id);
}

/** `covered` is the largest size that a named key signed within its range. */
function statusOf(state: StreamState, epoch: Epoch, proven: Proven, covered: number): Epoch['status'] {
  if (epoch.provenByHeld || state.heldConfirmed >= Math.max(epoch.introducedAt, state.firstSeq)) return 'vouched';
  const named = epoch.introducedInAdopted ? namedMax(state, namedSigners(state, epoch)) : covered;
  if (named >= epoch.introducedAt) return 'vouched';
  if (epoch.predecessor !== undefined) {
    return !epoch.introducedInAdopted && handOverStands(epoch, epoch.predecessor, state)
      ? epoch.predecessor.status
      : 'unvouched';
  }
  if (!epoch.introducedInAdopted && signedByProven(state, epoch, proven)) return 'vouched';
  return epoch.macChecked ? 'keyed' : 'unvouched';
}

/** A hand-over counts where a checkpoint of the old key covers its seal, or where the seal's own MAC was checked (M5.3). */
function handOverStands(epoch: Epoch, before: Epoch, state: StreamState): boolean {
  return epoch.handOverMacChecked || handOverSigned(epoch, before, state);
}

function handOverSigned(epoch: Epoch, before: Epoch, state: StreamState): boolean {
  return countedMax(state, before.signers.keys()) >= (epoch.handOverSeal ?? Number.MAX_SAFE_INTEGER);
}

/**
 * Whether signatures say whose the signers of a vouched key period are. A MAC does not: who holds the data key alone
 * could hand a stream over to a signer of his own.
 */
function signersAnsweredFor(state: StreamState, epoch: Epoch, covered: number): boolean {
  const { predecessor } = epoch;
  if (predecessor === undefined || epoch.provenByHeld) return true;
  if (Math.max(state.heldConfirmed, covered) >= epoch.introducedAt) return true;
  if (!predecessor.signersProven) return false;
  return predecessor.signers.size === 0 || handOverSigned(epoch, predecessor, state);
}

/** Every key that signs it has signed for a vouched key period before and was not handed over to another. */
function signedByProven(state: StreamState, epoch: Epoch, proven: Proven): boolean {
  const ids = [...epoch.signers.keys()];
  const known = ids.length > 0 && ids.every((id) => proven.signers.has(id) && !proven.retired.has(id));
  return known && countedMax(state, ids) >= epoch.introducedAt;
}
