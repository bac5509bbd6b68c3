import { formatCheckpointText } from '../../format/checkpoint.ts';
import type { CloseEntry, GapEntry, SealEntry } from '../../format/control.ts';
import { checkDates } from '../range/held.ts';
import type { StreamState } from '../state/state.ts';
import { completeHandOver } from './hand-over.ts';

/** Seals, gaps and closes: their step, counts and times (spec 2, 8.2, 8.8, M2.6, M8.3). */

const HEARTBEAT_SLACK_SECONDS = 60;

function trusted(state: StreamState): boolean {
  return !state.order.broken && !state.order.isUnknown;
}

/** Control entries carry the writer's clock: going back is worth a word. */
export function passTime(state: StreamState, seq: number, time: string): void {
  const { lastTime } = state.counts;
  if (lastTime !== undefined && time < lastTime) {
    state.find('CLOCK_BACK', `entry ${seq}: the writer's clock says ${time}, but said ${lastTime} before`, seq);
  }
  state.counts.pass(time);
}

/** The promise of the run's latest open (M8.20). */
function checkCadence(state: StreamState, seq: number, time: string): void {
  const { every, recordsSinceSeal, sealTime, gapSinceSeal } = state.counts;
  if (every === undefined || state.order.isUnknown || state.sequence.open) return;
  if (recordsSinceSeal > every.records && !state.order.broken) {
    const message = `entry ${seq}: ${recordsSinceSeal} records since the last seal, but the writer promised at most ${every.records}`;
    state.find('CADENCE', message, seq);
  }
  if (sealTime === undefined || gapSinceSeal) return;
  const seconds = (Date.parse(time) - Date.parse(sealTime)) / 1000;
  const limit = 1.5 * every.idleSeconds + HEARTBEAT_SLACK_SECONDS;
  if (seconds > limit) {
    const message = `entry ${seq}: ${Math.round(seconds)} s without a seal, but the writer promised one every ${every.idleSeconds} s`;
    state.find('CADENCE', message, seq);
  }
}

function checkStep(state: StreamState, seq: number, step: number): void {
  const { epoch } = state;
  if (epoch === undefined || !epoch.stepKnown || state.order.isUnknown || state.order.broken || step === epoch.step)
    return;
  state.find('STEP_WRONG', `entry ${seq}: it says step ${step}, but the key period is at step ${epoch.step}`, seq);
}

function checkCount(state: StreamState, seq: number, name: string, said: number, counted: number): void {
  if (!trusted(state) || said === counted) return;
  state.find('COUNT_WRONG', `entry ${seq}: ${name}: it says ${said}, but there are ${counted}`, seq);
}

function endStep(state: StreamState, seq: number, kind: 'seal' | 'close', time: string): void {
  passTime(state, seq, time);
  checkCadence(state, seq, time);
  checkDates(state, seq, time);
  const { epoch, tree } = state;
  state.findings.passSeal(time);
  if (tree.frontier !== undefined) {
    const root = tree.frontier.root();
    const text = Buffer.from(formatCheckpointText({ origin: state.auditor.origin, size: seq, root }), 'utf8');
    const counts = epoch?.stepKnown === true && epoch.keyCounts(seq);
    const mac = counts ? epoch.schedule?.macCheckpoint(text) : undefined;
    tree.addSeal({
      seq,
      root,
      kind,
      epoch,
      frontier: [...tree.frontier.subtrees],
      time,
      every: state.counts.every,
      mac,
    });
  }
  epoch?.seal(seq, time);
  state.counts.seal(time);
}

/** A seal, already authenticated. */
export function handleSeal(state: StreamState, seq: number, seal: SealEntry, authentic: boolean): void {
  checkStep(state, seq, seal.step);
  checkCount(state, seq, 'records since the last seal', seal.records, state.counts.recordsSinceSeal);
  checkCount(state, seq, 'dropped lines', seal.dropped, state.counts.droppedSinceSeal);
  const sealed = state.epoch;
  endStep(state, seq, 'seal', seal.time);
  const expected = state.order.meet();
  if (expected.what === 'seal' && expected.after === 'key')
    completeHandOver(state, seal.time, authentic && sealed?.macChecked === true && sealed.keyCounts(seq));
}

/** A gap: something was not sealed, or the key service was away. */
export function handleGap(state: StreamState, seq: number, gap: GapEntry): void {
  state.counts.gap(gap.dropped);
  state.timeline.add({ kind: 'gap', seq, time: gap.since, why: gap.why, dropped: gap.dropped });
  if (gap.dropped === 0) return;
  const message = `entry ${seq}: ${gap.dropped === 1 ? '1 line was' : `${gap.dropped} lines were`} lost since ${gap.since} (${gap.why}), as the writer itself reports`;
  const { accept } = state.auditor;
  state.find('DROPPED', message, seq, state.counts.dropped > accept.dropped ? 'undecided' : undefined);
}

/** The graceful end of a file or stream. */
export function handleClose(state: StreamState, seq: number, close: CloseEntry): void {
  checkStep(state, seq, close.step);
  checkCount(state, seq, 'records since the open before it', close.records, state.counts.recordsSinceOpen);
  if (trusted(state) && (close.firstTime === undefined) !== (close.records === 0)) {
    state.find(
      'COUNT_WRONG',
      `entry ${seq}: the times of its first and last record do not match its record count, ${close.records}`,
      seq,
    );
  }
  endStep(state, seq, 'close', close.time);
  state.timeline.add({ kind: 'close', seq, time: close.time, why: close.why });
  const { epoch, counts, tree } = state;
  state.file.facts?.close(seq, close, counts.records, tree.frontier?.root(), epoch);
  state.order.close(seq, close);
}
