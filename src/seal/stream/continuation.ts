import { formatStamp } from '../../foundation/time.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import { beginFile } from '../disk/begin-file.ts';
import { continuingOrigin, filesOf, type NextFile, nextFile } from '../disk/names.ts';
import { StateFile } from '../disk/state.ts';
import type { StreamState } from '../disk/state-record.ts';
import { freshStart } from '../resume/recovery.ts';
import { leadTo, type StreamSite } from '../resume/stream-site.ts';
import type { StreamRun } from './stream-run.ts';

/** A stream that is about to continue another one. */
interface Continuation {
  readonly origin: string;
  readonly stateFile: StateFile;
  readonly state: StreamState;
}

/** Names the continuing stream, and announces its first key period in a state of its own, durably (spec 1). */
export function announce(run: StreamRun, now: number): Continuation {
  const stamp = formatStamp(now);
  const { configured, stateDir, lock } = run.site;
  const origin = continuingOrigin(configured, stamp);
  const stateFile = new StateFile(filesOf(stateDir, origin).state, lock);
  const { base } = run.state;
  const state: StreamState = { origin, size: 0, frontier: [], ...nextNames(run, now), offset: 0, base, epoch: 1 };
  stateFile.replaceSync(state);
  return { origin, stateFile, state };
}

function nextNames({ state: { base, newest }, log: { sink } }: StreamRun, now: number): NextFile {
  return nextFile(base, sink.name, now, { newest, moved: !sink.inPlace });
}

/** Leads from the ended stream, and from the configured one, to the continuing one; opens its file. */
export function pointTo(next: Continuation, run: StreamRun, close: SealJob, now: number): StreamSite {
  const { configured, root, lock, stateDir } = run.site;
  const { origin, stateFile } = next;
  const { renamed: _asAnnounced, ...announced } = next.state;
  const named: StreamState = {
    ...announced,
    ...nextNames(run, now), // somebody may have renamed the file since
    after: { origin: run.stream.origin, size: close.size, root: close.root },
  };
  stateFile.replaceSync(named);
  const continuedBy = { origin, reason: 'rotate_chain', why: 'new' } as const;
  run.changeState({ continuedBy, ...(named.renamed !== undefined && { file: named.renamed }) });
  if (run.site.stateFile.path !== root.path) leadTo(root, continuedBy);
  if (named.renamed !== undefined) run.log.sink.rename(named.renamed);
  const { sink, state } = beginFile({ lease: lock, after: run.log.sink, state: named, stateFile });
  return { origin, configured, root, stateDir, lock, stateFile, state, resumption: freshStart(state.file), sink };
}
