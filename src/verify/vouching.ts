import type { Epoch, SignerId } from './epoch.ts';
import { countsAsNamed, namedMax, namedSigners, signedMax } from './named-keys.ts';
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
  for (const epoch of state.epochs) {
    epoch.status = statusOf(state, epoch, proven);
    retire(epoch, proven);
    if (epoch.status !== 'vouched') continue;
    for (const id of epoch.signers.keys()) if ((state.signed.get(id)?.max ?? 0) > 0) proven.signers.add(id);
  }
}

function retire(epoch: Epoch, proven: Proven): void {
  for (const id of epoch.predecessor?.signers.keys() ?? []) if (!epoch.signers.has(id)) proven.retired.add(id);
}

function statusOf(state: StreamState, epoch: Epoch, proven: Proven): Epoch['status'] {
  if (epoch.provenByHeld || state.heldConfirmed >= Math.max(epoch.introducedAt, state.firstSeq)) return 'vouched';
  const named = epoch.introducedInAdopted
    ? namedSigners(state, epoch)
    : [...state.signed.keys()].filter((id) => countsAsNamed(state, id));
  if (namedMax(state, named) >= epoch.introducedAt) return 'vouched';
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
  const seal = epoch.handOverSeal ?? Number.MAX_SAFE_INTEGER;
  return epoch.handOverMacChecked || signedMax(state, before.signers.keys()) >= seal;
}

/** Every key that signs it has signed for a vouched key period before and was not handed over to another. */
function signedByProven(state: StreamState, epoch: Epoch, proven: Proven): boolean {
  const ids = [...epoch.signers.keys()];
  const known = ids.length > 0 && ids.every((id) => proven.signers.has(id) && !proven.retired.has(id));
  return known && signedMax(state, ids) >= epoch.introducedAt;
}
