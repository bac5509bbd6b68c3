import type { KeyEntry } from '../../format/control.ts';
import { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { fetchKeys } from '../trust/key-material.ts';
import { admit, checkRecordsFloor, takeEpochNumber } from './epoch-rules.ts';

/** Hand-over inside a run: key entry, seal of the old key period, then the new one is in force (spec 5, M5.2). */

/** A key entry, already authenticated. Its seal comes next. */
export async function handleKey(state: StreamState, seq: number, entry: KeyEntry): Promise<void> {
  const match = /^([A-Za-z0-9_-]{8})\.([1-9][0-9]{0,15})$/.exec(entry.next);
  const number = Number(match?.[2] ?? Number.NaN);
  state.order.announce();
  if (match?.[1] !== state.tag || !Number.isSafeInteger(number)) {
    state.find(
      'KEY_ID_WRONG',
      `entry ${seq}: the next key period ${JSON.stringify(entry.next)} does not belong to this stream`,
      seq,
    );
    state.order.breakOff('another epoch');
    return;
  }
  takeEpochNumber(state, seq, number);
  const { epoch } = state;
  const run = state.runs.current;
  if (run === undefined || epoch === undefined) return;
  const next = new Epoch({
    number,
    kid: entry.next,
    reference: entry.key,
    introducedAt: seq,
    firstSeq: seq + 2,
    place: state.here(seq),
    run,
    handOverSeal: seq + 1,
    predecessor: epoch,
  });
  state.epochs.announce(next);
  state.knownKeys.addSignersOf(next);
  admit(state, next);
  await fetchKeys(state, next);
}

/** The seal of a hand-over has passed: from here on the new key period is in force, at step 0. */
export function completeHandOver(state: StreamState, time: string, macChecked: boolean): void {
  const next = state.epochs.handOver();
  if (next === undefined) return;
  next.handOver(time, macChecked);
  state.timeline.add({ kind: 'hand_over', seq: next.firstSeq, time, keyId: next.kid });
  checkRecordsFloor(state, next);
}
