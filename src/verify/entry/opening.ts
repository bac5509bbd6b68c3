import type { Digest } from '../../core/hash.ts';
import { frontierLength } from '../../core/tree.ts';
import type { OpenEntry } from '../../format/control.ts';
import type { ControlLine } from '../../format/entry.ts';
import { formatKeyReference } from '../../format/key-reference.ts';
import { Epoch } from '../model/epoch.ts';
import { abandon, goesOnElsewhere } from '../range/abandoned.ts';
import { adopt } from '../range/adoption.ts';
import { append, takeSeq } from '../range/advance.ts';
import { heldProvesStart } from '../range/held.ts';
import { narrowed } from '../range/narrowed.ts';
import { beginRange } from '../range/ranges.ts';
import { checkPause, restartOf } from '../range/restarts.ts';
import type { StreamState } from '../state/state.ts';
import { heldBefore } from '../trust/held-before.ts';
import { fetchKeys } from '../trust/key-material.ts';
import { authenticate, resynchronise } from './authenticate.ts';
import { passTime } from './closing.ts';
import { admit, checkRecordsFloor, givesUpMode, takeEpochNumber } from './epoch-rules.ts';

/** The first line of every file and of every run (spec 2, 5, 6, 8.2). */

/** An open: its place, what it says of the tree, its key period, then its auth. */
export async function handleOpen(
  state: StreamState,
  control: ControlLine,
  open: OpenEntry,
  leaf: Digest,
): Promise<void> {
  const { seq } = control;
  if (seq < state.order.next) {
    const { atFileStart } = state.order;
    const abandonment = abandon(state, seq, open, leaf);
    if (abandonment === 'out of order') takeSeq(state, seq, leaf);
    if (abandonment !== 'abandoned') return;
    if (!atFileStart) state.file.facts?.goBack(seq - 1);
  }
  if (state.order.next !== 0) {
    if (takeSeq(state, seq, leaf) === 'passed') return;
    if (state.order.isHeadless || goesOnElsewhere(state, seq, open)) beginRange(state); // M8.24, M8.26
  }
  const first = state.order.next === 0;
  if (first) state.order.begin(seq);
  if (open.origin !== state.auditor.origin) {
    state.find(
      'ORIGIN_WRONG',
      `entry ${seq}: this open belongs to the stream ${open.origin}, not to ${state.auditor.origin}`,
      seq,
    );
  }
  const runStart = open.why !== 'rotated';
  checkWhy(state, seq, open, first);
  const treeWasKnown = state.tree.frontier !== undefined;
  checkTree(state, seq, open, first);
  passTime(state, seq, open.time);
  if (seq === 1) state.runs.follow(open.after);
  if (first) await enter(state, control, open);
  else if (runStart) await startRun(state, control, open);
  else if (state.epoch === undefined) {
    if (!resumeEpoch(state, control, open, leaf)) await enter(state, control, open);
    state.order.resume();
  } else continueRun(state, control, open);
  if (state.epoch !== undefined) {
    if (state.epoch.number === control.epoch && state.epoch.member === control.member) {
      authenticate(state, state.epoch, seq, leaf, control.auth);
    } else if (!state.order.broken) {
      const modeWrong = state.epoch.number === control.epoch;
      const message = `entry ${seq}: this open has a different key period or mode from the one in force`;
      state.find(modeWrong ? 'MODE_WRONG' : 'KEY_ID_WRONG', message, seq);
      state.order.breakOff('another epoch');
    }
  }
  if (!treeWasKnown && open.frontier.length === frontierLength(seq - 1)) state.tree.startAt(seq - 1, open.frontier);
  state.file.facts?.open(open, seq, state.place.offset, state.auditor.origin, state.tree.frontier?.root());
  append(state, seq, leaf);
  noteOpen(state, control, open);
  state.counts.open(open, runStart);
  state.order.open(runStart);
}

/** What the report shows of an open. */
function noteOpen(
  { epoch, place, timeline }: StreamState,
  { tag, seq, epoch: number }: ControlLine,
  open: OpenEntry,
): void {
  const { time, why } = open;
  timeline.add({ kind: 'open', seq, time, why, keyId: `${tag}.${number}`, file: place.file });
  epoch?.open(time);
}

function contradicts(state: StreamState, seq: number, message: string): void {
  if (!state.order.broken) state.find('OPEN_CONTRADICTS', `entry ${seq}: ${message}`, seq);
}

/** `why` against what stands before it (spec 2, 8.2, M2.2). */
function checkWhy(state: StreamState, seq: number, open: OpenEntry, first: boolean): void {
  const { why } = open;
  const begins = why === 'new' || why === 'conflict';
  if (begins !== (seq === 1)) contradicts(state, seq, `why ${why} does not go with seq ${seq}`);
  if (open.after !== undefined && !begins) contradicts(state, seq, `"after" does not go with why ${why}`);
  if (open.after === undefined && why === 'conflict')
    contradicts(state, seq, 'why conflict, without "after" for the stream that it follows');
  if (first || state.order.isUnknown) return;
  if (state.order.meet().what === 'seal' && why === 'rotated' && !state.order.broken) {
    state.find('SEAL_MISSING', `entry ${seq}: the seal before this open is missing`, seq);
  }
  const closed = state.order.closed?.why;
  const afterRotated = closed === 'rotated';
  if (why === 'rotated' && !afterRotated) contradicts(state, seq, 'why rotated, without a close rotated before it');
  if (why === 'resumed' && closed !== 'shutdown')
    contradicts(state, seq, 'why resumed, without a close shutdown before it');
}

/** Size, frontier and checkpoint against the tree computed here (M2.3). */
function checkTree(state: StreamState, seq: number, open: OpenEntry, first: boolean): void {
  if (open.size !== seq - 1) contradicts(state, seq, `it says size ${open.size}`);
  if (open.frontier.length !== frontierLength(seq - 1)) {
    contradicts(
      state,
      seq,
      `its frontier has ${open.frontier.length} hashes, but that of a tree of ${seq - 1} entries has ${frontierLength(seq - 1)}`,
    );
    if (first) {
      state.tree.loseRoot(); // nothing is computed from a frontier of the wrong length (spec 8.2)
      state.order.breakOff('no frontier');
    }
    return;
  }
  if (first) {
    state.tree.startAt(seq - 1, open.frontier);
  } else {
    const { frontier } = state.tree;
    const equal = frontier?.subtrees.every((hash, at) => hash === open.frontier[at]) ?? true;
    if (!equal && !state.order.broken) {
      const message = `entry ${seq}: its frontier does not match the entries before it`;
      state.findings.add('OPEN_CONTRADICTS', narrowed(state, seq, seq - 1), message);
    }
  }
  checkCited(state, seq, open);
}

/** The checkpoint that an open cites: of a seal or close before it, with the root computed there (M2.3, M8.3). */
function checkCited(state: StreamState, seq: number, { checkpoint, size }: OpenEntry): void {
  if (checkpoint === undefined) return;
  const { tree } = state;
  const cites = `it cites a checkpoint of ${checkpoint.size} entries`;
  const seal = tree.seal(checkpoint.size);
  const root = checkpoint.size === size ? tree.frontier?.root() : seal?.root;
  if (checkpoint.size > size) contradicts(state, seq, `${cites}, more than there are`);
  else if (checkpoint.size === 0) contradicts(state, seq, cites);
  else if (root !== undefined && root !== checkpoint.root) contradicts(state, seq, `${cites} with a different root`);
  else if (tree.frontier !== undefined && tree.remembers(checkpoint.size) && seal === undefined)
    contradicts(state, seq, `${cites}, but entry ${checkpoint.size} is neither a seal nor a close`);
}

/** A run that goes on in the next file: same key period, same key reference, the step in force (spec 2, M2.4). */
function continueRun(state: StreamState, control: ControlLine, open: OpenEntry): void {
  const { epoch } = state;
  const { seq } = control;
  if (epoch === undefined) return;
  const sameKey = formatKeyReference(open.key) === formatKeyReference(epoch.reference);
  if (!sameKey) contradicts(state, seq, 'its key reference differs from that of the key period in force');
  if (open.epochSeq !== epoch.firstSeq)
    contradicts(state, seq, `it says epoch_seq ${open.epochSeq}, but it is ${epoch.firstSeq}`);
  if (open.adoptedFrom !== undefined) {
    state.find('ADOPTED_UNMARKED', `entry ${seq}: an open with why rotated must not adopt anything`, seq);
  }
  if (open.step !== epoch.step && epoch.stepKnown && !state.order.broken && !state.order.isUnknown) {
    state.find(
      'STEP_WRONG',
      `entry ${seq}: it says step ${open.step}, but the key period is at step ${epoch.step}`,
      seq,
    );
  }
}

/** After a part that could not be read the key period before it may still be in force: its step is then this open's. */
function resumeEpoch(state: StreamState, control: ControlLine, open: OpenEntry, leaf: Digest): boolean {
  const last = state.epochs.all.at(-1);
  if (last?.number !== control.epoch || last.member !== control.member) return false;
  state.epochs.resume();
  last.loseStep();
  continueRun(state, control, open);
  resynchronise(state, last, open.step, leaf, control.auth);
  return true;
}

function newEpoch(state: StreamState, control: ControlLine, open: OpenEntry, firstSeq: number, before?: Epoch): Epoch {
  const { seq } = control;
  const epoch = new Epoch({
    number: control.epoch,
    kid: state.kid(control.epoch),
    reference: open.key,
    introducedAt: Math.min(seq, firstSeq),
    firstSeq,
    place: state.here(seq),
    run: state.runs.begin({ openSeq: seq, why: open.why, restart: restartOf(state, seq, open) }),
    modeChanged: before !== undefined && givesUpMode(before.reference, open.key),
  });
  state.knownKeys.addSignersOf(epoch);
  takeEpochNumber(state, seq, control.epoch, open.why === 'rotated');
  admit(state, epoch);
  checkRecordsFloor(state, epoch);
  return epoch;
}

/** A run that starts by itself: a new key period at step 0 (M5.1). */
async function startRun(state: StreamState, control: ControlLine, open: OpenEntry): Promise<void> {
  const { seq } = control;
  if (open.epochSeq !== seq)
    contradicts(state, seq, `a run starts a new key period, yet it says epoch_seq ${open.epochSeq}`);
  if (open.step !== 0 && !state.order.broken) {
    state.find('STEP_WRONG', `entry ${seq}: a run starts at step 0, but it says ${open.step}`, seq);
  }
  // behind an entry that could not be read another key period may have come into force
  const before = state.order.isUnknown ? undefined : state.epoch;
  const epoch = newEpoch(state, control, open, seq, before);
  if (epoch.modeChanged) {
    const message = `entry ${seq}: this run drops the MACs or the signatures of the run before it, without a hand-over`;
    state.find('MODE_CHANGE', message, seq);
  }
  checkPause(state, seq, open);
  adopt(state, seq, open, before);
  await fetchKeys(state, epoch);
  state.epochs.begin(epoch);
}

/** The first entry of the range, or the first open after a part that could not be read. */
async function enter(state: StreamState, control: ControlLine, open: OpenEntry): Promise<void> {
  const { seq } = control;
  if (open.why !== 'rotated') {
    await startRun(state, control, open);
    if (state.epoch !== undefined) await proveStart(state, state.epoch, open);
    return;
  }
  if (open.epochSeq > seq) contradicts(state, seq, `epoch_seq ${open.epochSeq} is above its own seq`);
  const epoch = newEpoch(state, control, open, Math.min(open.epochSeq, seq));
  const tooHigh = open.step > seq - epoch.firstSeq;
  if (tooHigh)
    contradicts(state, seq, `step ${open.step} is more than the ${seq - epoch.firstSeq} entries of its key period`);
  if (open.step > state.epochs.stepsLeft) {
    state.find(
      'LIMIT',
      `entry ${seq}: it claims step ${open.step}, but a reader computes at most ${state.epochs.stepsLeft} more steps`,
      seq,
    );
    state.epochs.begin(epoch);
    return;
  }
  await fetchKeys(state, epoch);
  state.epochs.begin(epoch);
  if (tooHigh) {
    epoch.loseStep();
    return;
  }
  if (epoch.schedule !== undefined) state.epochs.walk(open.step);
  epoch.walkTo(open.step - 1);
  await proveStart(state, epoch, open);
  epoch.walkTo(open.step);
}

/** A range that begins above seq 1 needs a held checkpoint (spec 8.2). */
async function proveStart(state: StreamState, epoch: Epoch, open: OpenEntry): Promise<void> {
  if (open.size === 0 || state.order.firstSeq !== open.size + 1) return;
  state.evidence.follow(await heldBefore(state, open.size));
  if (!(await heldProvesStart(state, epoch, open.size, open.step))) return;
  state.evidence.proveStart();
  // Our MAC of the step before shows whose key period goes on. A signature over what was before says nothing of the
  // signers that this open names: they are vouched for only by what covers the open itself (spec 8.6).
  if (open.why === 'rotated' && open.step > 0 && epoch.schedule !== undefined) epoch.proveByHeld();
}
