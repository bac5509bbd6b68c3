import type { Digest } from '../../core/hash.ts';
import type { StreamState } from '../state/state.ts';
import { reachSize } from './held.ts';

/** The sequence and the tree, one entry at a time. */

/** Whether an entry stands where its seq says, or its seq has passed. */
export type Position = 'expected' | 'passed';

/** Takes the seq of an entry; `passed` entries are reported and otherwise left out. */
export function takeSeq(state: StreamState, seq: number, leaf: Digest): Position {
  if (seq < state.order.next) {
    state.sequence.late(seq, leaf);
    return 'passed';
  }
  if (seq > state.order.next && state.order.next !== 0) {
    if (state.order.atFileStart) skipFiles(state, seq);
    else state.sequence.jump(seq);
    state.tree.loseRoot();
    state.epoch?.loseStep();
  }
  if (state.sequence.open) state.sequence.tick();
  state.order.reach(seq);
  return 'expected';
}

/** The first entry of a file is not the next one: what stood between may be in a file that is not here (M8.24). */
function skipFiles(state: StreamState, seq: number): void {
  const { next } = state.order;
  const missing = seq - next === 1 ? `entry ${next} is` : `entries ${next} to ${seq - 1} are`;
  const why =
    state.coverage.mayHold('them') ??
    `a file between entry ${next - 1} and this one was not given, or the end of the previous file was cut off`;
  const message = `${missing} missing: ${why}`;
  state.findings.add('FILES_MISSING', { ...state.here(next), lastSeq: seq - 1 }, message);
  state.order.breakOff('missing entries');
  state.counts.skip();
  state.order.loseHead(next, seq);
}

/** Adds an entry to the tree and goes on to the next seq. */
export function append(state: StreamState, seq: number, leaf: Digest): void {
  state.tree.append(seq, leaf);
  state.order.take(seq);
  state.epoch?.reach(seq);
  if (state.asked.reach(seq)) reachSize(state, seq);
}
