import { coveredSize } from './assessment.ts';
import type { Epoch } from './epoch.ts';
import { namedSigners } from './named-keys.ts';
import type { StreamState } from './state.ts';

/** Is this the end of the log, or was it cut (spec 8.9, M8.7, M8.21)? */

/** What proves a size to this auditor: a signature where a signer is named, else our MAC. */
function provenSize(state: StreamState, epoch: Epoch): number {
  if (namedSigners(state, epoch).length > 0) return coveredSize(state, epoch);
  return epoch.macChecked ? epoch.macCheckpoint : 0;
}

/** Checks the end of the range. */
export function checkEnd(state: StreamState): void {
  if (state.stopped || state.next === 0) return;
  const last = state.next - 1;
  const { closed, auditor } = state;
  const epoch = state.epochs.at(-1);
  const proven = Math.max(epoch === undefined ? 0 : provenSize(state, epoch), state.heldConfirmed);
  // entries that nothing proves yet do not bring a log to where another key takes over
  const reached = auditor.live || auditor.until !== undefined ? proven : last;
  for (const fromSeq of [...state.publicKeys.map((named) => named.fromSeq), ...auditor.dataKeysFrom]) {
    if (fromSeq <= reached || fromSeq === 1) continue;
    endUnproven(state, `you named a key from entry ${fromSeq} on, the log ends at entry ${reached}`);
    return;
  }
  if (state.broken) return;
  if (epoch === undefined) {
    endUnproven(state, `the log ends at entry ${last} and no key period of it could be read`);
    return;
  }
  const graceful = closed !== undefined && (closed.why !== 'rotated' || auditor.part);
  if (graceful && proven >= closed.seq && !closedTooEarly(state, closed.why)) return;
  if (auditor.live || auditor.until !== undefined) {
    checkOpenEnd(state, proven);
    return;
  }
  if (graceful)
    endUnproven(
      state,
      `the log ends with close ${closed.why} (entry ${closed.seq}), and no checkpoint of it that you can check is there`,
    );
  else if (closed !== undefined)
    endUnproven(state, `the log ends with close rotated (entry ${closed.seq}): the file after it is missing`);
  else
    endUnproven(
      state,
      `the log ends at entry ${last} without a close; what came after it, if anything, was cut off or never written`,
    );
}

/** A shutdown before the time that the policy asks for: an older copy of the log ends so too. */
function closedTooEarly({ auditor: { until }, sealTime }: StreamState, why: string): boolean {
  return until !== undefined && why === 'shutdown' && Date.parse(sealTime ?? '') < until.getTime();
}

/** A log that is still written: the newest sealed entry is its end. */
function checkOpenEnd(state: StreamState, proven: number): void {
  const last = state.next - 1;
  const { live, now, until } = state.auditor;
  const seal = state.tree.seal(proven);
  const time = seal?.time === undefined ? Number.NaN : Date.parse(seal.time);
  if (Number.isNaN(time)) {
    endUnproven(state, 'no seal with a checkpoint that verifies is near the end of the log');
    return;
  }
  if (until !== undefined && time < until.getTime()) {
    endUnproven(state, `the log is sealed up to ${seal?.time}, your policy demands ${until.toISOString()}`);
  }
  const limit = 2 * (state.every?.idleSeconds ?? 0);
  const age = (now.getTime() - time) / 1000;
  if (live && age > limit) {
    endUnproven(state, `the newest verified seal is ${Math.round(age)} s old, a live log has one every ${limit / 2} s`);
  }
  const tail = last - proven;
  if (tail > 0 || state.unterminatedBytes > 0) {
    const message = `${tail} entries after the last verified seal are not covered yet (${state.unterminatedBytes} bytes of an unfinished line)`;
    state.findings.add('UNSEALED_TAIL', { file: state.file, seq: proven + 1, lastSeq: last }, message);
  }
}

function endUnproven(state: StreamState, message: string): void {
  state.findings.add('END_UNPROVEN', { file: state.file, seq: state.next - 1 }, message);
}
