import type { OpenEntry } from '../../format/control.ts';
import type { Run } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';

/** Restarts and streams that follow a conflict are never silent (M8.18). */

/** What is to be said of a run that starts by itself; whether it is news is known only at the end. */
export function restartOf(state: StreamState, seq: number, open: OpenEntry): Run['restart'] {
  if (open.why === 'rotated') return undefined;
  const place = state.here(seq);
  if (seq === 1) {
    if (open.why !== 'conflict') return undefined;
    const { after } = open;
    const before = after === undefined ? 'another stream' : `${after.origin} at ${after.size} entries`;
    const message = `entry 1: the writer's state and its files contradicted each other; this stream was begun to replace ${before}`;
    return { place, message };
  }
  const { closed, firstSeq } = state.order;
  const unseen = seq === firstSeq ? 'what came before it is not present' : 'no close before it';
  const before = closed === undefined ? unseen : `after close ${closed.why}`;
  return { place, message: `entry ${seq}: the writer started again (${open.why}, ${before})` };
}

/** How long nothing was sealed before a recovery. */
export function checkPause(state: StreamState, seq: number, open: OpenEntry): void {
  const { sealTime } = state.counts;
  const pause = sealTime === undefined || seq === 1 ? 0 : (Date.parse(open.time) - Date.parse(sealTime)) / 1000;
  const limit = state.auditor.accept.recoveryGapSeconds;
  if (open.why === 'recovered' && pause > limit) {
    const message = `entry ${seq}: ${Math.round(pause)} s passed between the last seal and this recovery, but your policy accepts at most ${limit} s`;
    state.find('CADENCE', message, seq);
  }
}

/** Warns of every run that no held checkpoint covers: what the auditor has accepted before is no news. */
export function reportRestarts(state: StreamState): void {
  for (const { run, introducedAt } of state.epochs.all) {
    if (run.restart === undefined || introducedAt !== run.openSeq || run.openSeq <= state.evidence.heldConfirmed)
      continue;
    state.findings.add('RESTART', run.restart.place, run.restart.message);
  }
}
