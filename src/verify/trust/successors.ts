import { sayOnce } from '../state/limit.ts';
import type { StreamState } from '../state/state.ts';
import { isSettled, settleStatuses, unsettled } from './vouching.ts';

/**
 * M8.13: With `accept: { successors: true }` every signer of a vouched key period counts as named from there on, until it hands
 * over to another (spec 8.5). A key that was handed over never comes back by itself.
 */
export function acceptSuccessors(state: StreamState): void {
  if (isSettled(state) || state.coverage.lacks('settling')) return;
  if (!state.allowance.take('settling', unsettled(state))) {
    sayOnce(state, 'settling', 'too many key periods are unproven to work out which key succeeds which');
    return;
  }
  settleStatuses(state);
  state.epochs.successors.follow(state.epochs.all, state.epochs.settled);
}
