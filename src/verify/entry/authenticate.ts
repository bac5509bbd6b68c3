import { type Digest, digestFrom, digestText } from '../../core/hash.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** The auth of an entry against the key period that it stands in (spec 1, 8.3, 8.5, 8.7, M1.3, M9.2). */

/**
 * Checks a record's auth.
 *
 * @returns the leaf that the tree goes on with: of a record whose checksum is not that of its bytes, the checksum. If a
 *   checkpoint fits that tree, the checksum is the one that was sealed, and nothing but this record was altered (M8.32)
 */
export function authenticateRecord(state: StreamState, epoch: Epoch, seq: number, leaf: Digest, auth: string): Digest {
  if (epoch.member !== 'hash') {
    authenticate(state, epoch, seq, leaf, auth);
    return leaf;
  }
  if (checkHash(state, seq, leaf, auth)) return leaf;
  state.file.facts?.alter();
  return digestFrom(Buffer.from(auth, 'base64url'));
}

/** Checks an entry's auth. An entry whose auth is wrong is a bad leaf. */
export function authenticate(state: StreamState, epoch: Epoch, seq: number, leaf: Digest, auth: string): boolean {
  if (epoch.member === 'hash') {
    const right = checkHash(state, seq, leaf, auth);
    if (!right) state.order.breakOff('a changed entry'); // what its members say counts for nothing, whatever the tree says
    return right;
  }
  const { schedule } = epoch;
  if (schedule === undefined || !epoch.keyCounts(seq)) {
    state.evidence.leaveUnchecked(seq); // the form was checked, the key is not at hand or not for this entry
    return true;
  }
  if (schedule.authenticate(leaf) === auth) {
    if (epoch.proveKey()) state.order.breakOff('a changed entry'); // the leaf that holds the fingerprint is not the one that was sealed
    return true;
  }
  state.evidence.leaveUnchecked(seq);
  if (!epoch.stepKnown) return true; // a hole lies before: the step is taken from the next seal (spec 8.11)
  if (epoch.keyState === 'unproven') {
    epoch.doubt(state.here(seq));
    return true;
  }
  // behind a seal that is another one, or none, the step is another one
  const what = epoch.fail(seq) ? 'the line, or a seal before it, was' : 'the line was';
  state.find('AUTH_WRONG', `entry ${seq}: its MAC is not that of its bytes; ${what} changed after it was sealed`, seq);
  state.order.breakOff('a changed entry');
  return false;
}

function checkHash(state: StreamState, seq: number, leaf: Digest, auth: string): boolean {
  state.evidence.leaveUnchecked(seq);
  if (digestText(leaf) === auth) return true;
  state.find('CHECKSUM_WRONG', `entry ${seq}: its checksum is not that of its bytes; the line was changed`, seq);
  return false;
}

/** After a hole: takes the step that a seal or close claims, if its MAC proves it (spec 8.11). */
export function resynchronise(state: StreamState, epoch: Epoch, step: number, leaf: Digest, auth: string): void {
  const { schedule } = epoch;
  if (schedule === undefined || !epoch.keyCounts(state.order.next)) {
    epoch.findStep(step);
    return;
  }
  const steps = step - schedule.step;
  if (steps < 0 || steps > state.order.next) return;
  if (steps > state.epochs.stepsLeft) {
    state.find(
      'LIMIT',
      `after a hole an entry claims step ${step}: too many steps to compute, so its entries stay unchecked`,
    );
    return;
  }
  state.epochs.walk(steps);
  const candidate = schedule.clone();
  candidate.walkTo(step);
  if (candidate.authenticate(leaf) !== auth) {
    candidate.erase();
    return;
  }
  epoch.findStep(step, candidate);
}
