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
  const { epochs, settledFor } = state;
  // nothing proven is lost as sizes grow: only another key period or an adoption changes what was settled
  const same = settledFor.count === epochs.length && settledFor.newest === epochs.at(-1);
  if (same && settledFor.adoptions === state.adoptions.length && settledFor.all) return;
  settleStatuses(state);
  state.settledFor = {
    count: epochs.length,
    newest: epochs.at(-1),
    adoptions: state.adoptions.length,
    all: epochs.every((epoch) => epoch.signersProven),
  };
  state.successors.clear();
  const handedOver = new Map<SignerId, number>();
  for (const epoch of [...epochs].reverse()) {
    for (const id of epoch.signersProven ? epoch.signers.keys() : []) {
      const ranges = state.successors.get(id) ?? [];
      ranges.push({ from: epoch.introducedAt, until: handedOver.get(id) ?? Number.MAX_SAFE_INTEGER });
      state.successors.set(id, ranges);
    }
    for (const id of epoch.predecessor?.signers.keys() ?? []) {
      if (!epoch.signers.has(id)) handedOver.set(id, epoch.handOverSeal ?? 0);
    }
  }
}
