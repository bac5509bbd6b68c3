import type { Place } from '../model/findings.ts';
import type { StreamState } from '../state/state.ts';
import { provenEnd } from '../verdict/proven-end.ts';

/**
 * The place of a finding at `seq` that says: among the entries up to `lastSeq` one is not what was sealed. It lies behind
 * what is proven so far, which is as narrow as the checkpoints that this auditor can check allow.
 */
export function narrowed(state: StreamState, seq: number, lastSeq: number): Place & Required<Pick<Place, 'within'>> {
  const from = Math.min(Math.max(provenEnd(state) + 1, state.order.firstSeq), lastSeq);
  const before = state.tree.lastSealUpTo(from - 1)?.time;
  const after = state.tree.seal(lastSeq)?.time;
  const { previousSealTime: _behind, ...here } = state.foundHere(seq);
  return {
    ...here,
    within: { firstSeq: from, lastSeq },
    ...(before !== undefined && { previousSealTime: before }),
    ...(after !== undefined && { nextSealTime: after }),
  };
}
