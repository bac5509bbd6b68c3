import { encodeNoteKey, formatVkey } from '../../format/vkey.ts';
import type { StreamState } from '../state/state.ts';
import { namedMax, namedSigners } from '../trust/named-keys.ts';
import { provenEnd } from '../verdict/proven-end.ts';

/** Is this the end of the log, or was it cut (spec 8.9, M8.7, M8.21)? */

/** A promise of more than a day is none: a cut log could hide behind it (M2.5). */
const LONGEST_PROMISE_SECONDS = 86_400;

/** Checks the end of the range. */
export function checkEnd(state: StreamState): void {
  if (state.stopped || state.next === 0) return;
  const last = state.next - 1;
  const { closed, auditor } = state;
  const proven = provenEnd(state);
  const openEnd = auditor.live || auditor.until !== undefined;
  // entries that nothing proves yet do not bring a log to where another key takes over
  const reached = openEnd ? proven : last;
  for (const fromSeq of [...state.publicKeys.map((named) => named.fromSeq), ...auditor.dataKeysFrom]) {
    if (fromSeq <= reached || fromSeq === 1) continue;
    endUnproven(state, `you named a key from entry ${fromSeq} on, but the log ends at entry ${reached}`);
    return;
  }
  if (state.broken) return;
  if (state.epochs.all.length === 0) {
    endUnproven(state, `the log ends at entry ${last}, and none of its key periods could be read`);
    return;
  }
  const graceful = closed !== undefined && (closed.why !== 'rotated' || auditor.part);
  const provenClose = graceful && proven >= closed.seq;
  if (provenClose && (!openEnd || closed.why !== 'shutdown')) return;
  if (openEnd) {
    checkOpenEnd(state, proven);
    return;
  }
  if (graceful)
    endUnproven(
      state,
      `the log ends with close ${closed.why} (entry ${closed.seq}), but there is no checkpoint of it that you can check`,
    );
  else if (closed !== undefined)
    endUnproven(state, `the log ends with close rotated (entry ${closed.seq}): the file after it is missing`);
  else
    endUnproven(
      state,
      `the log ends at entry ${last} without a close; what came after it, if anything, was cut off or never written`,
    );
}

/**
 * M8.21: A public key that the auditor named from an entry on has signed there, or somebody else went on in its place: whoever
 * holds the key before it, or the data key, could. Of a log that begins above that entry nothing is said.
 */
export function checkNamedSign(state: StreamState): void {
  if (state.stopped || state.broken || state.findings.count('UNSIGNED') > 0) return; // said of all
  const proven = provenEnd(state);
  for (const { key, fromSeq } of state.publicKeys) {
    if (fromSeq === 1 || fromSeq > proven || fromSeq < state.logFirstSeq) continue;
    if (namedMax(state, [encodeNoteKey(key).toString('latin1')]) >= fromSeq) continue;
    const vkey = formatVkey(state.auditor.origin, key);
    endUnproven(
      state,
      `you named ${vkey} from entry ${fromSeq} on, but no checkpoint from there on is signed with it. If it begins to sign later, correct its from_seq`,
    );
  }
}

/** A log that is still written, or is demanded up to a time, ends where it is proven: at a seal that is recent enough. */
function checkOpenEnd(state: StreamState, proven: number): void {
  const last = state.next - 1;
  const { live, now, until } = state.auditor;
  if (startedAbove(state, proven)) return;
  const seal = state.tree.lastSealUpTo(proven);
  const time = seal?.time === undefined ? Number.NaN : Date.parse(seal.time);
  if (Number.isNaN(time)) {
    endUnproven(state, 'there is no seal with a verifiable checkpoint near the end of the log');
    return;
  }
  if (until !== undefined && time < until.getTime()) {
    endUnproven(state, `the log is sealed up to ${seal?.time}, but your policy demands ${until.toISOString()}`);
  }
  // the promise in force at the proven end: later opens may be anybody's
  const promise = Math.min(seal?.every?.idleSeconds ?? 0, LONGEST_PROMISE_SECONDS);
  const age = (now.getTime() - time) / 1000;
  if (live && age > 2 * promise) {
    const what = seal?.seq === state.closed?.seq ? 'the log was closed' : 'the newest verified seal was written';
    endUnproven(state, `${what} ${Math.round(age)} s ago, but a live log is sealed every ${promise} s`);
  }
  const tail = last - proven;
  if (tail > 0 || state.unterminatedBytes > 0) {
    const message = `${tail === 1 ? '1 entry after the last verified seal is' : `${tail} entries after the last verified seal are`} not covered yet (${state.unterminatedBytes} bytes of an unfinished line)`;
    state.findings.add('UNSEALED_TAIL', { file: state.place.file, seq: proven + 1, lastSeq: last }, message);
  }
}

/** The newest run must itself be proven: an unsigned one could be anybody's, and so could everything before it that it cut. */
function startedAbove(state: StreamState, proven: number): boolean {
  const { run } = state;
  if (run === undefined || run.openSeq <= proven) return false;
  const place = { file: state.place.file, seq: run.openSeq, lastSeq: state.next - 1 };
  if (state.epochs.all.some((epoch) => namedSigners(state, epoch).length > 0)) {
    const message = `the run that began at entry ${run.openSeq} has no checkpoint yet that is signed by a key you named`;
    state.findings.add('UNSIGNED', place, message);
  } else {
    const message = `the run that began at entry ${run.openSeq} has no checkpoint yet that you can check`;
    state.findings.add('END_UNPROVEN', place, message);
  }
  return true;
}

function endUnproven(state: StreamState, message: string): void {
  state.findings.add('END_UNPROVEN', { file: state.place.file, seq: state.next - 1 }, message);
}
