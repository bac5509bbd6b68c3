import { formatKeyReference, type KeyReference, signersOf } from '../../format/key-reference.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** What must hold of a key period against those before it and against the policy (spec 1, 5, 8.3). */

/**
 * Epoch numbers grow strictly over every one named before (spec 1, 8.3, M1.5). A next file `goesOn` under the number in
 * force: where that was named in a part that could be read and introduced in one that could not, it is the highest.
 */
export function takeEpochNumber(state: StreamState, seq: number, number: number, goesOn = false): void {
  if (number < state.epochs.highest || (number === state.epochs.highest && !goesOn)) {
    const message = `entry ${seq}: key period ${number} was named before; numbers must increase (highest so far: ${state.epochs.highest})`;
    state.find('EPOCH_REUSED', message, seq);
  }
  state.epochs.name(number);
}

/** So many epoch numbers may be named twice: each may have its data key asked of a key service again. */
const MAX_REUSED = 100;

/** Key periods are kept to the end, so there is an end to them. */
export function admit(state: StreamState, epoch: Epoch): void {
  const { allowance, knownKeys, findings } = state;
  const seq = epoch.introducedAt;
  const bytes = formatKeyReference(epoch.reference).length;
  if (!allowance.take('epochs') || !allowance.take('keyBytes', bytes)) {
    state.stopAtLimit(`entry ${seq}: too many key periods`, seq);
  } else if (!allowance.take('signers', epoch.signers.size)) {
    state.stopAtLimit(`entry ${seq}: too many signing keys`, seq);
  } else if (knownKeys.crowded) {
    state.stopAtLimit(`entry ${seq}: too many keys have the same id`, seq);
  } else if (findings.count('EPOCH_REUSED') > MAX_REUSED) {
    state.stopAtLimit(`entry ${seq}: more than ${MAX_REUSED} key periods were named before`, seq);
  }
}

/** A policy's floor for `records` (spec 8, policy), of a key period in force: what was only announced, a crash burned (M5.2). */
export function checkRecordsFloor(state: StreamState, epoch: Epoch): void {
  if (state.auditor.recordsFloor === 'hash' || epoch.member === 'mac') return;
  const message = `key period ${epoch.kid}: its records carry no MACs, but your policy demands them`;
  state.findings.add('RECORDS_FLOOR', epoch.place, message);
}

/** Whether a restart gives up the mode or the signers of the run before (spec 5, M5.4). */
export function givesUpMode(before: KeyReference, after: KeyReference): boolean {
  const toHash = before.records === 'mac' && after.records === 'hash';
  return toHash || (signersOf(before).length > 0 && signersOf(after).length === 0);
}
