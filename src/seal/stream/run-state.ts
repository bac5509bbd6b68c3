import { macNote } from '../checkpoint/note-signing.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import type { StreamState } from '../disk/state-record.ts';

/** The state at a seal or close that is durable (spec 6). What was known before and is not of the seal goes on. */
export function stateAt(job: SealJob, before: StreamState): StreamState {
  const { origin, newest, base, epoch, checkpoint, continuedBy, after } = before;
  const { next } = job;
  const note = macNote(job);
  return {
    origin,
    size: job.size,
    frontier: job.frontier,
    leaf: job.leaf,
    file: job.file,
    offset: job.offset,
    ...(newest !== undefined && { newest }),
    base,
    epoch,
    current: { epoch: next.epoch.number, epochSeq: next.epochSeq, step: next.step, key: next.epoch.reference },
    account: job.account,
    ...(checkpoint && { checkpoint }),
    ...(note !== undefined && { pending: { size: job.size, note } }),
    ...(continuedBy && { continuedBy }),
    ...(after && { after }),
  };
}
