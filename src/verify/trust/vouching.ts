import type { Epoch, SignerId } from '../model/epoch.ts';
import type { Proven, Settled } from '../model/settled.ts';
import type { StreamState } from '../state/state.ts';
import { countedMax, countsAsNamed, namedMax } from './named-keys.ts';
import { hasWeight } from './post-quantum.ts';

/** Who answers for a key period (spec 8.6, M8.17): vouched, keyed or nobody. */

const settledOf = ({ epochs, runs }: StreamState): Settled => epochs.settledAfter(runs.adoptions);

function largestNamed(state: StreamState): number {
  return namedMax(
    state,
    state.evidence.signers.filter((id) => countsAsNamed(state, id)),
  );
}

/** Settles the status of every key period, in their order. May be called again when more is known. */
export function settleStatuses(state: StreamState): void {
  settledOf(state).settle(
    state.epochs.all,
    state.evidence.heldConfirmed,
    () => largestNamed(state),
    (epoch, proven, covered) => {
      const status = statusOf(state, epoch, proven, covered);
      epoch.settle(status, status === 'vouched' && signersAnsweredFor(state, epoch, covered));
    },
  );
}

/**
 * M8.13: With `accept: { successors: true }` every signer of a vouched key period counts as named from there on, until it hands
 * over to another (spec 8.5). A key that was handed over never comes back by itself.
 */
export function acceptSuccessors(state: StreamState): void {
  const { epochs, evidence } = state;
  const settled = settledOf(state);
  if (settled.isCurrent(epochs.all, evidence.heldConfirmed) || state.coverage.lacks('settling')) return;
  if (!state.allowance.take('settling', settled.pending(epochs.all, evidence.signerCount))) {
    state.sayOnce('settling', 'too many key periods are unproven to work out which key succeeds which');
    return;
  }
  settleStatuses(state);
  epochs.successors.follow(epochs.all, epochs.settled);
}

/** `covered` is the largest size that a named key signed within its range. */
function statusOf(state: StreamState, epoch: Epoch, proven: readonly Proven[], covered: number): Epoch['status'] {
  if (epoch.provenByHeld || state.evidence.heldConfirmed >= Math.max(epoch.introducedAt, state.order.firstSeq))
    return 'vouched';
  if (epoch.adopted !== undefined ? signedByItsOwn(state, epoch, epoch.adopted) : covered >= epoch.introducedAt)
    return 'vouched';
  if (epoch.predecessor !== undefined) {
    return epoch.adopted === undefined && handOverStands(epoch, epoch.predecessor, state)
      ? epoch.predecessor.status
      : 'unvouched';
  }
  if (epoch.adopted === undefined && signedByProven(state, epoch, proven)) return 'vouched';
  return epoch.macChecked ? 'keyed' : 'unvouched';
}

/**
 * M8.16: the run that adopted a key period signs everything before it too, and wrote none of it. So its signature counts only
 * where the key period has no signer that is not named already.
 */
function signedByItsOwn(state: StreamState, epoch: Epoch, adopted: NonNullable<Epoch['adopted']>): boolean {
  if (adopted.signedBefore) return true;
  return adopted.signersNamed && namedMax(state, epoch.signers.keys()) >= epoch.introducedAt;
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
  // M8.13: the run that took it over signs what it found, also where the data key's holder wrote it
  if (epoch.takenOver?.signersSigned === false) return false;
  if (predecessor === undefined || epoch.provenByHeld) return true;
  if (Math.max(state.evidence.heldConfirmed, covered) >= epoch.introducedAt) return true;
  if (!predecessor.signersProven) return false;
  return predecessor.signers.size === 0 || handOverSigned(epoch, predecessor, state);
}

/** Every key that signs it has already signed for a vouched key period before and was not handed over to another. */
function signedByProven(state: StreamState, epoch: Epoch, proven: readonly Proven[]): boolean {
  const ids = [...epoch.signers.keys()].filter((id) => hasWeight(state.auditor, id, epoch.introducedAt));
  const signs = (id: SignerId): boolean =>
    state.evidence.signedBy(id).max > 0 &&
    proven.some(({ signers }) => signers.has(id)) &&
    !proven.some(({ retired }) => retired.has(id));
  return ids.length > 0 && ids.every(signs) && countedMax(state, ids) >= epoch.introducedAt;
}
