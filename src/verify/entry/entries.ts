import type { Digest } from '../../core/hash.ts';
import { type ControlEntry, readControl } from '../../format/control.ts';
import { CONTROL_LIMIT, CONTROL_WRITE_LIMIT, type ControlLine, type RecordLine } from '../../format/entry.ts';
import { commitmentOf, leafOf } from '../../format/leaf.ts';
import { unwrapRecord } from '../../format/record.ts';
import type { Epoch } from '../model/epoch.ts';
import type { Findings, Place } from '../model/findings.ts';
import { append, takeSeq } from '../range/advance.ts';
import type { StreamState } from '../state/state.ts';
import { authenticate, authenticateRecord, resynchronise } from './authenticate.ts';
import { handleClose, handleGap, handleSeal } from './closing.ts';
import { handleKey } from './hand-over.ts';
import { handleOpen } from './opening.ts';

/** One entry after another: its place in the sequence, its key period, its auth, then its members (spec 8.3, M8.8). */

/** So many malformed control entries are read: the keys in them were checked one by one. */
const MAX_MALFORMED = 1_000;

/** What must hold of the entry before it, whatever kind it is. */
function checkOrder(state: StreamState, seq: number): void {
  const expect = state.order.meet();
  if (expect.what === 'any' || state.order.broken || state.order.isUnknown) return;
  if (expect.what === 'seal') {
    const after = expect.after === 'open' ? "a run's open" : 'a key entry';
    state.find('SEAL_MISSING', `entry ${seq}: ${after} must be followed by its seal`, seq);
  } else {
    state.find('OPEN_MISSING', `entry ${seq}: close ${expect.after} must be followed by an open`, seq);
  }
}

/** Whether the entry claims the key period in force, in its mode (M5.5). */
function checkEpoch(state: StreamState, entry: RecordLine | ControlLine): boolean {
  const { epoch } = state;
  if (epoch === undefined) {
    state.evidence.leaveUnchecked(entry.seq);
    return false;
  }
  if (entry.epoch !== epoch.number) {
    state.evidence.leaveUnchecked(entry.seq);
    if (!epoch.stepKnown || state.order.isUnknown || state.order.isHeadless) {
      state.epochs.lose(); // the hand-over or open in between is missing or was not understood, which is reported
      return false;
    }
    const message = `entry ${entry.seq}: it claims key period ${entry.epoch}, but ${epoch.number} is in force`;
    state.find('KEY_ID_WRONG', message, entry.seq);
    state.order.breakOff('another epoch');
    return false;
  }
  if (entry.member !== epoch.member) {
    state.evidence.leaveUnchecked(entry.seq);
    const message = `entry ${entry.seq}: it has "${entry.member}" but its key period demands "${epoch.member}"`;
    state.find('MODE_WRONG', message, entry.seq);
    state.order.breakOff('another epoch');
    return false;
  }
  return entry.type === 'control' || checkSalt(state, epoch, entry);
}

/** M1.12: Where records have salts, each has one or was erased; elsewhere none has, and none could be. */
function checkSalt(state: StreamState, epoch: Epoch, { seq, salt, commit }: RecordLine): boolean {
  if (epoch.salted === (salt !== undefined || commit !== undefined)) return true;
  state.evidence.leaveUnchecked(seq);
  const has = epoch.salted ? 'neither a salt nor a commitment' : salt !== undefined ? 'a salt' : 'a commitment';
  const demand = epoch.salted ? 'has salts' : 'has no salts';
  state.find('MODE_WRONG', `entry ${seq}: it has ${has}, but its key period ${demand}`, seq);
  state.order.breakOff('another epoch');
  return false;
}

/** Lines of another stream have no place here (M1.6). */
function checkTag(state: StreamState, entry: RecordLine | ControlLine): boolean {
  if (entry.tag === state.tag) return true;
  state.find('FOREIGN_TAG', `a line of another stream (tag ${entry.tag}) is among those of ${state.auditor.origin}`);
  return false;
}

/** A range whose first entry is no open (spec 8.2, M8.6). */
function startWithoutOpen(state: StreamState, seq: number): void {
  if (state.order.next !== 0) return;
  state.order.beginWithoutOpen(seq);
  state.tree.loseRoot();
  const unproven = 'nothing proves the entries from here to the next open';
  if (seq === 1) state.find('OPEN_MISSING', `entry 1: a stream must begin with an open; ${unproven}`, seq);
  else
    state.find(
      'START_UNPROVEN',
      `the range begins with entry ${seq}, which is not an open; what came before it is unknown, and ${unproven}`,
      seq,
    );
}

/** A record that was taken as it was sealed, or as erasing left it. */
export interface TakenRecord {
  readonly leaf: Digest;
  /** Whether it is erased, or is recorded as erased and still there. */
  readonly isErased: boolean;
}

/**
 * A record that the fast path did not take.
 *
 * @returns undefined if it was passed over, or altered
 */
export function handleRecord(state: StreamState, line: Buffer, record: RecordLine): TakenRecord | undefined {
  if (!checkTag(state, record)) return undefined;
  const leaf = leafOf(line, record);
  startWithoutOpen(state, record.seq);
  if (takeSeq(state, record.seq, leaf) === 'passed') return undefined;
  checkOrder(state, record.seq);
  let sealed = leaf;
  if (checkEpoch(state, record) && state.epoch !== undefined) {
    sealed = authenticateRecord(state, state.epoch, record.seq, leaf, record.auth);
  }
  const altered = sealed !== leaf;
  const isErased = record.commit !== undefined || (!altered && standsErased(state, record.seq, line, record));
  if (isErased) state.file.facts?.alter(); // M7.1
  if (record.commit !== undefined) {
    const found = whereFound(state, record.seq);
    state.erasures.erased(record.seq, record.commit, found);
    state.erasures.beside(record.seq, record.commit, found);
  } else if (!altered && record.as !== undefined && unwrapRecord(line, record) === undefined) {
    const message = `entry ${record.seq}: it says "as":"${record.as}", but is not the wrapped form of a line`;
    state.find('CONTROL_MALFORMED', message, record.seq);
    state.order.breakOff('a malformed entry');
  }
  countRecords(state, 1);
  append(state, record.seq, sealed);
  return altered ? undefined : { leaf, isErased };
}

const whereFound = (state: StreamState, seq: number): { findings: Findings; place: Place; recordsBefore: number } => ({
  findings: state.findings,
  place: state.foundHere(seq),
  recordsBefore: state.counts.records,
});

/** Whether an entry is recorded as erased, and has its content. */
function standsErased(state: StreamState, seq: number, line: Buffer, read: RecordLine | ControlLine): boolean {
  if (state.erasures.nextFrom(seq) !== seq) return false;
  const hasSalt = read.type === 'record' && read.salt !== undefined;
  const commit = hasSalt ? commitmentOf(read.salt, line, 0, read.memberStart) : undefined;
  return state.erasures.stands(seq, commit, whereFound(state, seq));
}

/** Counts record lines of the key period in force. */
export function countRecords(state: StreamState, records: number): void {
  state.counts.add(records);
  if (state.epoch?.salted === true) state.file.facts?.salt();
}

/**
 * The key period of these entries, if they may be taken as records of an honest log.
 *
 * @returns undefined if more may come of one of them than that it is right
 */
export function epochOfRecords(state: StreamState, firstSeq: number, lastSeq: number): Epoch | undefined {
  const { asked, coverage, epoch, erasures, order, sequence } = state;
  if (coverage.stopped || sequence.open || order.expected.what !== 'any' || firstSeq !== order.next) return undefined;
  return asked.next > lastSeq && erasures.nextFrom(firstSeq) > lastSeq ? epoch : undefined;
}

/** Goes on behind records that were checked together, and are in the tree. */
export function takeRecords(
  state: StreamState,
  epoch: Epoch,
  lastSeq: number,
  count: number,
  macChecked: boolean,
): void {
  if (!macChecked) state.evidence.leaveUnchecked(lastSeq);
  countRecords(state, count);
  state.order.take(lastSeq);
  epoch.reach(lastSeq);
}

/** A control entry: its auth first, then its members (spec 8.3, M8.9). */
export async function handleControl(state: StreamState, line: Buffer, control: ControlLine): Promise<void> {
  if (!checkTag(state, control)) return;
  const leaf = leafOf(line, control);
  const kid = state.kid(control.epoch);
  if (line.length > CONTROL_LIMIT) {
    handleUnread(state, control, leaf, 'LIMIT', `longer than ${CONTROL_LIMIT} bytes`);
    return;
  }
  if (line.length > CONTROL_WRITE_LIMIT) {
    state.find('LONG_LINE', `entry ${control.seq}: ${line.length} bytes; carriers cut lines above 16,000`, control.seq);
  }
  const reading = readControl(line, control.seq, control.kind, kid, control.member);
  if ('problem' in reading) {
    const { code, message, laterFormat } = reading.problem;
    handleUnread(state, control, leaf, code, message);
    if (laterFormat === true) state.coverage.stop();
    return;
  }
  if (reading.entry.kind === 'open') {
    await handleOpen(state, control, reading.entry, leaf);
    if (state.order.next === control.seq + 1) standsErased(state, control.seq, line, control); // it was taken
    return;
  }
  startWithoutOpen(state, control.seq);
  if (takeSeq(state, control.seq, leaf) === 'passed') return;
  standsErased(state, control.seq, line, control);
  await handleReadControl(state, control, reading.entry, leaf);
}

/** An entry of ours whose members cannot be taken. It is a leaf all the same. */
function handleUnread(
  state: StreamState,
  control: ControlLine,
  leaf: Digest,
  code: 'LIMIT' | 'UNSUPPORTED' | 'CONTROL_MALFORMED',
  message: string,
): void {
  const { seq, kind } = control;
  if (kind === 'open' && state.order.next === 0) state.order.begin(seq);
  else startWithoutOpen(state, seq);
  if (takeSeq(state, seq, leaf) === 'passed') return;
  const { epoch } = state;
  if (epoch?.number === control.epoch) authenticate(state, epoch, seq, leaf, control.auth);
  state.find(code, `entry ${seq} (${kind}): ${message}`, seq);
  if (code === 'CONTROL_MALFORMED') state.order.breakOff('a malformed entry');
  if (state.findings.count('CONTROL_MALFORMED') > MAX_MALFORMED) {
    state.stopAtLimit(`more than ${MAX_MALFORMED} control entries are malformed`, seq);
    return;
  }
  if (kind === 'open') {
    state.epochs.lose();
    if (state.order.firstSeq === seq && seq > 1) {
      state.tree.loseRoot();
      state.order.loseHead(seq, seq);
    }
  }
  state.order.lose();
  state.epoch?.loseStep();
  append(state, seq, leaf);
  const { frontier } = state.tree;
  if (frontier === undefined) return;
  const root = frontier.root();
  const subtrees = [...frontier.subtrees];
  state.tree.addSeal({
    seq,
    root,
    kind: 'unknown',
    epoch: state.epoch,
    frontier: subtrees,
    time: undefined,
    every: undefined,
    mac: undefined,
  });
}

async function handleReadControl(
  state: StreamState,
  control: ControlLine,
  entry: Exclude<ControlEntry, { kind: 'open' }>,
  leaf: Digest,
): Promise<void> {
  const { seq } = control;
  const satisfies = entry.kind === 'seal' && state.order.expected.what === 'seal';
  if (!satisfies) checkOrder(state, seq);
  let authentic = false;
  if (checkEpoch(state, control) && state.epoch !== undefined) {
    const { epoch } = state;
    if (!epoch.stepKnown && (entry.kind === 'seal' || entry.kind === 'close')) {
      resynchronise(state, epoch, entry.step, leaf, control.auth);
    }
    authentic = authenticate(state, epoch, seq, leaf, control.auth);
  }
  append(state, seq, leaf);
  switch (entry.kind) {
    case 'seal':
      handleSeal(state, seq, entry, authentic);
      break;
    case 'close':
      handleClose(state, seq, entry);
      break;
    case 'gap':
      handleGap(state, seq, entry);
      break;
    case 'key':
      await handleKey(state, seq, entry);
      break;
  }
}
