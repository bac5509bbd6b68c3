import { type CheckedRecords, LEAF_BYTES } from '../../engine/engine.ts';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { epochOfRecords, takeRecords } from '../entry/entries.ts';
import type { StreamState } from '../state/state.ts';
import { checkedHow } from './recorded-run.ts';

/** So many records are checked at once at most. */
const RUN = 8_192;
/** The leaf hashes of a run, until the tree has them. */
const leaves = Buffer.allocUnsafeSlow(RUN * LEAF_BYTES);

/**
 * Takes lines as long as they are the next records of an honest log, and right: what they change is what every record does.
 * The first one that is not is left, whatever it is.
 */
export function checkRun(state: StreamState, bytes: Buffer, start: number, end: number): CheckedRecords {
  const none = { records: 0, end: start };
  const seq = state.order.next;
  const epoch = epochOfRecords(state, seq, seq);
  const check = epoch && checkedHow(state, epoch, seq);
  if (epoch === undefined || check === undefined || check === 'behind-a-hole' || check === 'doubtful') return none;
  const key = check === 'mac' || check === 'mac-altered' ? epoch.schedule?.recordKey : undefined;
  const until = (key && epoch.dataKey.limit?.untilSeq) ?? Number.MAX_SAFE_INTEGER;
  // what is asked of a size is answered where its entry is taken by itself
  const records = Math.min(RUN, until - seq + 1, state.asked.next - seq, state.erasures.nextFrom(seq) - seq);
  const run = selectedEngine().checkRecords({
    bytes,
    from: start,
    to: end,
    seq,
    kid: epoch.kid,
    member: epoch.member,
    salted: epoch.salted,
    records,
    checksAuth: check !== 'form',
    key,
    frontier: state.tree.frontier,
    leaves,
  });
  if (run.records === 0) return none;
  const last = seq + run.records - 1;
  state.tree.appendLeaves(seq, leaves.subarray(0, run.records * LEAF_BYTES));
  takeRecords(state, epoch, last, run.records, key !== undefined);
  return run;
}
