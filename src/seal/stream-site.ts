import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { TamperError } from '../errors.ts';
import { Lock } from './lock.ts';
import { STDOUT, type StreamNames, statePath } from './names.ts';
import { freshStart, type Resumption, resumeFromFile, resumeFromLostState, resumeFromState } from './recovery.ts';
import type { Sink } from './sink.ts';
import { FileSink } from './sink-file.ts';
import { StreamSink } from './sink-stream.ts';
import { StateFile, syncDirectory } from './state.ts';
import type { StreamState } from './state-record.ts';
import { formatStamp } from './time.ts';

/** A stream as its writer found it: locked, its last run replayed, its sink open. */
export interface StreamSite {
  readonly origin: string;
  readonly base: string;
  readonly lock: Lock;
  readonly stateFile: StateFile;
  readonly state: StreamState;
  readonly resumption: Resumption;
  readonly sink: Sink;
}

/**
 * Locks a stream, reads its state, replays the tail of its file, sets debris aside and opens its sink (spec 6).
 *
 * @throws LOCKED, STATE_CONFLICT, STATE_MALFORMED, READ_FAILED, WRITE_FAILED
 */
export function openSite(names: StreamNames, now: number): StreamSite {
  makeDirectory(names.stateDir, 0o700);
  if (names.base !== STDOUT) makeDirectory(dirname(names.base), 0o755);
  const path = statePath(names.stateDir, names.origin);
  const lock = Lock.take(path.replace(/chainstate$/, 'lock'), names.instance);
  try {
    return siteOf(names, lock, path, formatStamp(now));
  } catch (error) {
    lock.release();
    throw error;
  }
}

function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (cause) {
    throw new TamperError('WRITE_FAILED', `cannot make the directory ${path}`, { cause });
  }
}

function siteOf(names: StreamNames, lock: Lock, path: string, stamp: string): StreamSite {
  const { origin, base } = names;
  const stateFile = new StateFile(path);
  const known = stateFile.read();
  const resumption =
    known === undefined
      ? base === STDOUT
        ? freshStart(base)
        : resumeFromLostState(origin, base, stamp)
      : known.file === STDOUT
        ? resumeFromState(known)
        : resumeFromFile(known, stamp);
  const state = known ?? { ...resumption.baseline, origin, base, epoch: resumption.epoch };
  const sink = resumption.file === STDOUT ? new StreamSink(1) : new FileSink(resumption.file);
  if (sink.name !== STDOUT && sink.size === 0) syncDirectory(dirname(sink.name));
  return { origin, base, lock, stateFile, state, resumption, sink };
}
