import { dirname } from 'node:path';
import { continuingOrigin, nextFileName, statePath } from './names.ts';
import { freshStart } from './recovery.ts';
import type { SealJob } from './seal-job.ts';
import { syncDirectory } from './set-aside.ts';
import { FileSink } from './sink-file.ts';
import { StateFile } from './state.ts';
import type { StreamState } from './state-record.ts';
import type { StreamRun } from './stream-run.ts';
import type { StreamSite } from './stream-site.ts';
import { formatStamp } from './time.ts';

/** A stream that is about to continue another one (`rotate_chain`). */
export interface Continuation {
  readonly origin: string;
  readonly stateFile: StateFile;
  readonly state: StreamState;
}

/** Names the continuing stream, and announces its first key period in a state of its own, durably (spec 1). */
export function beginContinuation(run: StreamRun, first: StreamSite, now: number): Continuation {
  const stamp = formatStamp(now);
  const root = first.root.read();
  const origin = continuingOrigin(root?.origin ?? first.origin, stamp);
  const stateFile = new StateFile(statePath(first.stateDir, origin));
  const { base } = run.state;
  const file = nextFileName(base, stamp);
  const state: StreamState = { origin, size: 0, frontier: [], file, offset: 0, base, epoch: 1 };
  stateFile.replaceSync(state);
  return { origin, stateFile, state };
}

/** Leads from the ended stream, and from the configured one, to the continuing one; opens its file. */
export function pointTo(next: Continuation, run: StreamRun, close: SealJob, root: StateFile): StreamSite {
  const after = { origin: run.stream.origin, size: close.size, root: close.root };
  const state = { ...next.state, after };
  next.stateFile.replaceSync(state);
  const continuedBy = { origin: next.origin, reason: 'rotate_chain', why: 'new' } as const;
  run.changeState({ continuedBy });
  if (run.site.stateFile.path !== root.path) {
    const configured = root.read();
    if (configured !== undefined) root.replaceSync({ ...configured, continuedBy });
  }
  const sink = new FileSink(state.file, true);
  syncDirectory(dirname(state.file));
  const { lock, stateDir } = run.site;
  const { origin, stateFile } = next;
  return { origin, root, stateDir, lock, stateFile, state, resumption: freshStart(state.file), sink };
}
