import type { RecordKey } from '../../core/hmac.ts';
import { type CheckedRecords, LEAF_BYTES } from '../../engine/engine.ts';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { epochOfRecords, takeRecords } from '../entry/entries.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** So many records are checked at once at most. */
const RUN = 8_192;
/** The leaf hashes of a run, until the tree has them. */
const leaves = Buffer.allocUnsafeSlow(RUN * LEAF_BYTES);

/** How records are checked: by a MAC or a checksum, or, without a key, by their form. */
interface Check {
  readonly checksAuth: boolean;
  readonly key: RecordKey | undefined;
  /** The last seq that is checked so. */
  readonly until: number;
}

/** Undefined where more may come of the next record than that it is right. */
function checkOf(epoch: Epoch, seq: number): Check | undefined {
  const always = Number.MAX_SAFE_INTEGER;
  if (epoch.member === 'hash') return { checksAuth: true, key: undefined, until: always };
  if (epoch.schedule === undefined || !epoch.keyCounts(seq))
    return { checksAuth: false, key: undefined, until: always };
  if (!epoch.stepKnown || epoch.keyState === 'unproven') return undefined;
  return { checksAuth: true, key: epoch.schedule.recordKey, until: epoch.dataKey.limit?.untilSeq ?? always };
}

/**
 * Takes lines as long as they are the next records of an honest log, and right: what they change is what every record does.
 * The first one that is not is left, whatever it is.
 */
export function checkRun(state: StreamState, bytes: Buffer, start: number, end: number): CheckedRecords {
  const none = { records: 0, end: start };
  const seq = state.order.next;
  const epoch = epochOfRecords(state, seq, seq);
  const check = epoch && checkOf(epoch, seq);
  if (epoch === undefined || check === undefined) return none;
  // what is asked of a size is answered where its entry is taken by itself
  const records = Math.min(RUN, check.until - seq + 1, state.asked.next - seq, state.erasures.nextFrom(seq) - seq);
  const run = selectedEngine().checkRecords({
    bytes,
    from: start,
    to: end,
    seq,
    kid: epoch.kid,
    member: epoch.member,
    salted: epoch.salted,
    records,
    checksAuth: check.checksAuth,
    key: check.key,
    frontier: state.tree.frontier,
    leaves,
  });
  if (run.records === 0) return none;
  const last = seq + run.records - 1;
  state.tree.appendLeaves(seq, leaves.subarray(0, run.records * LEAF_BYTES));
  takeRecords(state, epoch, last, run.records, check.key !== undefined);
  return run;
}
