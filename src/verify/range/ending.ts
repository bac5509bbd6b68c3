import { encodeNoteKey, formatVkey } from '../../format/vkey.ts';
import type { StreamState } from '../state/state.ts';
import { enoughOf } from '../trust/cosignatures.ts';
import { namedMax, namedSigners } from '../trust/named-keys.ts';
import { hasWeight } from '../trust/post-quantum.ts';
import { provenEnd, signedEnd } from '../verdict/proven-end.ts';

/** Is this the end of the log, or was it cut (spec 8.9, M8.7, M8.21)? */

/** A promise of more than a day is none: a cut log could hide behind it (M2.5). */
const LONGEST_PROMISE_SECONDS = 86_400;

/** Why the end is not where it must be. */
interface Doubt {
  /** It is so because no key of the auditor's checks the last key period. */
  readonly unchecked?: boolean;
  readonly code: 'END_UNPROVEN' | 'UNSIGNED';
  readonly seq: number;
  readonly lastSeq?: number;
  readonly message: string;
}

/** Checks the end of the range. */
export function checkEnd(state: StreamState): void {
  if (state.coverage.stopped || state.order.next === 0) return;
  const signed = signedEnd(state);
  const proven = provenEnd(state);
  const doubts = [...doubtsOfEnd(state, signed)];
  for (const { code, message, unchecked, ...place } of doubts) {
    const elsewhere = state.coverage.mayHold('more');
    const said = elsewhere === undefined ? message : `${message}; ${elsewhere}`;
    if (unchecked === true) state.findings.addFollowing(code, { file: state.place.file, ...place }, said);
    else state.findings.add(code, { file: state.place.file, ...place }, said);
  }
  if (doubts.length === 0 && proven < signed) checkWitnessed(state, signed, proven);
  reportTail(state, proven);
}

/** M8.29: What is proven otherwise must be so up to what the witnesses cosigned, too. */
function checkWitnessed(state: StreamState, signed: number, witnessed: number): void {
  const { witnessing } = state.auditor;
  if (witnessing === undefined || doubtsOfEnd(state, witnessed).next().done === true) return;
  const { witnesses } = witnessing;
  const upTo = witnessed === 0 ? 'nothing is' : `only the entries up to ${witnessed} are`;
  const message = `${upTo} cosigned by ${enoughOf(witnessing)} of the ${witnesses.length} witnesses that you named; otherwise the log is proven up to entry ${signed}`;
  const first = Math.max(witnessed + 1, state.order.firstSeq);
  state.findings.add('UNWITNESSED', { file: state.place.file, seq: first, lastSeq: signed }, message);
}

/** Why a log that is proven up to `proven` does not end as the auditor demands. */
function* doubtsOfEnd(state: StreamState, proven: number): Generator<Doubt> {
  const last = state.order.next - 1;
  const { auditor } = state;
  const { closed } = state.order;
  const endUnproven = (message: string): Doubt => ({ code: 'END_UNPROVEN', seq: last, message });
  const openEnd = isOpenEnd(state);
  // entries that nothing proves yet do not bring a log to where another key takes over
  const reached = openEnd ? proven : last;
  for (const fromSeq of [...state.knownKeys.named.map((named) => named.fromSeq), ...auditor.dataKeysFrom]) {
    if (fromSeq <= reached || fromSeq === 1) continue;
    yield endUnproven(`you named a key from entry ${fromSeq} on, but the log ends at entry ${reached}`);
    return;
  }
  if (state.order.broken) return;
  if (state.epochs.all.length === 0) {
    yield endUnproven(`the log ends at entry ${last}, and none of its key periods could be read`);
    return;
  }
  if (endsClosed(state, proven)) return;
  if (openEnd) yield* doubtsOfOpenEnd(state, proven);
  else if (isGraceful(state))
    yield {
      ...endUnproven(
        `the log ends with close ${closed?.why} (entry ${closed?.seq}), but there is no checkpoint of it that you can check`,
      ),
      unchecked: isUnchecked(state),
    };
  else if (state.coverage.unread) yield endUnproven(`nothing behind entry ${last} was read`);
  else {
    const ends = closed === undefined ? `at entry ${last} without a close` : `with close rotated (entry ${closed.seq})`;
    const why =
      closed === undefined
        ? 'it is still being written (--live), its writer was killed, or its end was cut off'
        : 'the file after it is missing, or its writer was killed before it began one';
    yield endUnproven(`the log ends ${ends}${state.coverage.maybeElsewhere ? '' : `: ${why}`}`);
  }
}

/** Whether the log ends where it is proven: it is still written, or demanded up to a time. */
function isOpenEnd({ auditor }: StreamState): boolean {
  return auditor.live || auditor.until !== undefined;
}

function isGraceful({ order: { closed }, auditor }: StreamState): boolean {
  return closed !== undefined && (closed.why !== 'rotated' || auditor.part);
}

/** Whether the auditor has no key for the last key period. */
function isUnchecked(state: StreamState): boolean {
  const last = state.epochs.all.at(-1);
  return last !== undefined && !last.macChecked && namedSigners(state, last).length === 0;
}

/** Whether a proven close is all that is asked. */
function endsClosed(state: StreamState, proven: number): boolean {
  const { closed } = state.order;
  if (closed === undefined || !isGraceful(state) || proven < closed.seq) return false;
  return !isOpenEnd(state) || closed.why !== 'shutdown';
}

/**
 * M8.21: A public key that the auditor named from an entry on has signed there, or somebody else went on in its place: whoever
 * holds the key before it, or the data key, could. Of a log that begins above that entry nothing is said.
 */
export function checkNamedSign(state: StreamState): void {
  if (state.coverage.stopped || state.order.broken || state.findings.count('UNSIGNED') > 0) return; // said of all
  const proven = provenEnd(state);
  for (const { key, fromSeq } of state.knownKeys.named) {
    if (!hasWeight(state.auditor, encodeNoteKey(key).toString('latin1'), fromSeq)) continue; // nothing is expected of it
    if (fromSeq === 1 || fromSeq > proven || fromSeq < state.order.logFirstSeq) continue;
    if (namedMax(state, [encodeNoteKey(key).toString('latin1')]) >= fromSeq) continue;
    const vkey = formatVkey(state.auditor.origin, key);
    endUnproven(
      state,
      `you named ${vkey} from entry ${fromSeq} on, but no checkpoint from there on is signed with it. If it begins to sign later, correct its from_seq`,
    );
  }
}

/** A log that is still written, or is demanded up to a time, ends where it is proven: at a seal that is recent enough. */
function* doubtsOfOpenEnd(state: StreamState, proven: number): Generator<Doubt> {
  const seq = state.order.next - 1;
  const { live, now, until } = state.auditor;
  const unproven = startedAbove(state, proven);
  if (unproven !== undefined) {
    yield unproven;
    return;
  }
  const seal = state.tree.lastSealUpTo(proven);
  const time = sealTime(state, proven);
  if (time === undefined) {
    yield {
      code: 'END_UNPROVEN',
      seq,
      message: 'there is no seal with a verifiable checkpoint near the end of the log',
      unchecked: isUnchecked(state),
    };
    return;
  }
  if (until !== undefined && time < until.getTime()) {
    const message = `the log is sealed up to ${seal?.time}, but your policy demands ${until.toISOString()}`;
    yield { code: 'END_UNPROVEN', seq, message };
  }
  // the promise in force at the proven end: later opens may be anybody's
  const promise = Math.min(seal?.every?.idleSeconds ?? 0, LONGEST_PROMISE_SECONDS);
  const age = (now.getTime() - time) / 1000;
  if (live && age > 2 * promise) {
    const what = seal?.seq === state.order.closed?.seq ? 'the log was closed' : 'the newest verified seal was written';
    const message = `${what} ${Math.round(age)} s ago, but a live log is sealed every ${promise} s`;
    yield { code: 'END_UNPROVEN', seq, message };
  }
}

/** The time of the newest seal that is proven, in milliseconds since 1970; undefined where there is none with a time. */
function sealTime(state: StreamState, proven: number): number | undefined {
  const time = Date.parse(state.tree.lastSealUpTo(proven)?.time ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** What is behind the proven end of an open log. */
function reportTail(state: StreamState, proven: number): void {
  if (state.order.broken || !isOpenEnd(state) || endsClosed(state, proven)) return;
  if (startedAbove(state, proven) !== undefined || sealTime(state, proven) === undefined) return; // which was reported
  const last = state.order.next - 1;
  const tail = last - proven;
  if (tail === 0 && state.file.unterminatedBytes === 0) return;
  const entries =
    tail === 1 ? '1 entry after the last verified seal is' : `${tail} entries after the last verified seal are`;
  const message = `${entries} not covered yet (${state.file.unterminatedBytes} bytes of an unfinished line)`;
  const place = { file: state.place.file, seq: proven + 1, ...(tail > 0 && { lastSeq: last }) };
  state.findings.add('UNSEALED_TAIL', place, message);
}

/** The newest run must itself be proven: an unsigned one could be anybody's, and so could everything before it that it cut. */
function startedAbove(state: StreamState, proven: number): Doubt | undefined {
  const run = state.runs.current;
  if (run === undefined || run.openSeq <= proven) return undefined;
  const place = { seq: run.openSeq, lastSeq: state.order.next - 1 };
  const what = `the run that began at entry ${run.openSeq} has no checkpoint yet that`;
  if (state.epochs.all.some((epoch) => namedSigners(state, epoch).length > 0)) {
    return {
      code: 'UNSIGNED',
      ...place,
      message: `${what} is signed by a key you named`,
      unchecked: isUnchecked(state),
    };
  }
  return { code: 'END_UNPROVEN', ...place, message: `${what} you can check`, unchecked: isUnchecked(state) };
}

function endUnproven(state: StreamState, message: string): void {
  state.findings.add('END_UNPROVEN', { file: state.place.file, seq: state.order.next - 1 }, message);
}
