import type { SignerId } from './epoch.ts';
import type { StreamState } from './state.ts';
import { settleStatuses } from './vouching.ts';

/** Sizes that a signer counts for as the successor of a key that the auditor named. */
export interface SuccessorRange {
  readonly from: number;
  readonly until: number;
}

/**
 * M8.13: With `accept: { successors: true }` every signer of a vouched key period counts as named from there on, until it hands
 * over to another (spec 8.5). A key that was handed over never comes back by itself.
 */
export function acceptSuccessors(state: StreamState): void {
  settleStatuses(state);
  state.successors.clear();
  for (const epoch of state.epochs) {
    if (epoch.status !== 'vouched') continue;
    for (const id of epoch.signers.keys()) {
      const ranges = state.successors.get(id) ?? [];
      ranges.push({ from: epoch.introducedAt, until: handedOverAt(state, id, epoch.introducedAt) });
      state.successors.set(id, ranges);
    }
  }
}

/** The seal of the first hand-over from `from` on that leaves the key behind. */
function handedOverAt(state: StreamState, id: SignerId, from: number): number {
  for (const { predecessor, signers, handOverSeal } of state.epochs) {
    if (handOverSeal === undefined || handOverSeal <= from) continue;
    if (predecessor?.signers.has(id) === true && !signers.has(id)) return handOverSeal;
  }
  return Number.MAX_SAFE_INTEGER;
}
