import { existsSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { Frontier } from '../../core/tree.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import type { OpenEntry } from '../../format/control.ts';
import { formatCheckpointLine } from '../../format/entry.ts';
import { noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { noteKeyId } from '../../format/vkey.ts';
import { formatStamp } from '../../foundation/clock.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import type { Lease, Lock } from '../disk/lock.ts';
import {
  continuingOrigin,
  filesOf,
  isFileOf,
  isNamedAfter,
  manifestPath,
  STDOUT,
  stampedName,
  wasCompressed,
} from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import type { Sink } from '../disk/sink.ts';
import { FileSink } from '../disk/sink-file.ts';
import { StreamSink } from '../disk/sink-stream.ts';
import { StateFile } from '../disk/state.ts';
import type { StreamState } from '../disk/state-record.ts';
import { removeLeftovers } from './leftovers.ts';
import {
  freshStart,
  type Resumption,
  readFirstOpen,
  resumeFromFile,
  resumeFromLostState,
  resumeFromState,
  stateConflict,
} from './recovery.ts';

/** A stream as its writer found it: locked, its last run replayed, its sink open. */
export interface StreamSite {
  readonly origin: string;
  /** The origin of the configured stream, the first of those that continue each other. */
  readonly configured: string;
  /** The state of the configured stream: it leads to the newest one. */
  readonly root: StateFile;
  readonly stateDir: string;
  readonly lock: Lock;
  readonly stateFile: StateFile;
  readonly state: StreamState;
  readonly resumption: Resumption;
  readonly sink: Sink;
}

/** A stream's place, locked: its names, and its configured state. */
export interface Place {
  readonly origin: string;
  readonly base: string;
  readonly stateDir: string;
  readonly lock: Lock;
  readonly root: StateFile;
}

/**
 * Reads the state of a locked stream, replays the tail of its file, sets debris aside and opens its sink (spec 6).
 *
 * @throws {@link TamperError} `STATE_CONFLICT`, `STATE_MALFORMED`, `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`
 */
export function openSite(place: Place, config: ResolvedConfig, now: number): StreamSite {
  try {
    return siteOf(place, now);
  } catch (error) {
    const conflict = isTamperError(error, 'STATE_CONFLICT') || isTamperError(error, 'STATE_MALFORMED');
    if (!conflict || config.onStateConflict !== 'new_stream') throw error;
    return beginInstead(place, now, error.message);
  }
}

/** A new stream's site, in place of one that cannot go on. */
export function beginInstead(place: Place, now: number, reason: string): StreamSite {
  beginNewStream(place, now, reason);
  return siteOf(place, now);
}

function siteOf(place: Place, now: number): StreamSite {
  const known = place.root.read();
  let origin = place.origin;
  let stateFile = place.root;
  let state = known;
  let begins: OpenEntry['why'] = 'new';
  if (known?.continuedBy !== undefined) {
    ({ origin, why: begins } = known.continuedBy);
    stateFile = stateFileOf(place, origin);
    state = readContinuation(stateFile, origin);
  }
  let resumption = resume(place, origin, state, now);
  if (resumption.continuedBy !== undefined && isFinished(resumption, origin)) {
    // the writer ended between the `close` and the states that follow from it
    publishPending(resumption, place.lock);
    const after = { origin, size: resumption.size, root: rootOf(resumption) };
    origin = resumption.continuedBy;
    stateFile = stateFileOf(place, origin);
    state = { ...readContinuation(stateFile, origin), after };
    stateFile.replaceSync(state);
    // before its file gets the name of the ended one, which nobody could find by its state any more
    leadTo(place.root, { origin, reason: 'rotate_chain', why: 'new' });
    resumption = resume(place, origin, state, now);
  }
  state ??= {
    ...resumption.baseline,
    origin,
    base: place.base,
    epoch: resumption.epoch,
    // what is in the directory now may be moved away: no name of it is given again
    ...(resumption.why !== 'new' && { newest: stampedName(place.base, now, undefined) }),
  };
  // the file has another name, by the configuration or because somebody has renamed it
  const isMoved = state.file !== resumption.file || !isFileOf(place.base, resumption.file);
  if (state.base !== place.base || (isMoved && resumption.file !== place.base))
    ({ state, resumption } = moveTo(place.base, state, resumption));
  else if (state.file !== resumption.file) {
    // the writer ended before the file got the name that the state has already: it is the one that goes on
    const { continuedBy: _never, renamed: _neither, ...same } = state;
    state = { ...same, file: resumption.file };
  }
  if (wasCompressed(resumption.file) && !existsSync(resumption.file)) {
    // it was compressed after the state had named it: the name was out of sight then
    const file = stampedName(place.base, now, state.newest);
    state = { ...state, file, newest: file };
    resumption = { ...resumption, file, baseline: { ...resumption.baseline, file } };
  }
  const { lock } = place;
  const sink =
    resumption.file === STDOUT
      ? new StreamSink(1)
      : new FileSink(resumption.file, { lease: lock, holds: resumption.end });
  try {
    // a file that goes on is not the one that its manifest describes (spec 7)
    rmSync(manifestPath(resumption.file), { force: true });
    removeLeftovers(place.base, [filesOf(place.stateDir, place.origin), filesOf(place.stateDir, origin)]);
  } catch (error) {
    sink.close();
    throw error;
  }
  const { root, stateDir, origin: configured } = place;
  const why = resumption.why === 'new' ? begins : resumption.why;
  return { origin, configured, root, stateDir, lock, stateFile, state, resumption: { ...resumption, why }, sink };
}

function resume(place: Place, origin: string, state: StreamState | undefined, now: number): Resumption {
  if (state !== undefined) return state.file === STDOUT ? resumeFromState(state) : resumeFromFile(state, now);
  if (place.base === STDOUT) return freshStart(STDOUT);
  return resumeFromLostState(origin, newestFile(place.base, origin), formatStamp(now));
}

/** The state of the stream that another one leads to. @throws {@link TamperError} `STATE_CONFLICT` if there is none */
export function readContinuation(stateFile: StateFile, origin: string): StreamState {
  const state = stateFile.read();
  if (state === undefined)
    throw stateConflict(`the stream continues as ${origin}, but there is no state for that stream`);
  return state;
}

/** The root of a tree by its frontier. */
export function rootOf({ size, frontier }: { readonly size: number; readonly frontier: readonly string[] }): string {
  return new Frontier(size, frontier).root();
}

/** Whether a stream that has its `close` has, or can get, the checkpoint of it; else it is this stream that goes on. */
function isFinished({ size, current, pending, candidates }: Resumption, origin: string): boolean {
  if (current === undefined) return false;
  const ids = signersOf(current.key).map((signer) => noteKeyId(origin, noteKeyOf(signer)).toString('hex'));
  const isWhole = ({ note }: { readonly note: string }): boolean => {
    const lines = new Set(parseSignedCheckpoint(note)?.signatures.map(({ keyId }) => keyId));
    return ids.every((id) => lines.has(id)); // our MAC alone proves nothing where a signature is promised
  };
  if (candidates.some((one) => one.size === size && isWhole(one))) return true;
  return pending?.size === size && ids.length === 0;
}

/** Nobody writes to an ended stream any more: its last checkpoint, finished before the crash, goes there now. */
function publishPending({ pending, file }: Resumption, lease: Lease): void {
  if (pending === undefined) return;
  const sink = new FileSink(file, { lease });
  try {
    const line = Buffer.from(`${formatCheckpointLine(pending.note)}\n`);
    if (sink.write(line, 0, line.length) < line.length) {
      throw new TamperError('WRITE_FAILED', `${file} cannot take any more data`, { cause: sink.obstacle?.cause });
    }
    sink.datasyncSync();
  } finally {
    sink.close();
  }
}

/** From now on the configured stream leads to another one. */
export function leadTo(root: StateFile, continuedBy: NonNullable<StreamState['continuedBy']>): void {
  const configured = root.read();
  if (configured !== undefined) root.replaceSync({ ...configured, continuedBy });
}

function stateFileOf({ stateDir, lock, base }: Place, origin: string): StateFile {
  return new StateFile(filesOf(stateDir, origin).state, lock, base);
}

/**
 * Where the state was lost: the file of this stream that begins last, whatever somebody has renamed it to since. Of two that
 * begin at one entry, the one with a name of ours: another one may be a copy.
 *
 * @throws {@link TamperError} `STATE_CONFLICT` where that file is compressed
 */
export function newestFile(base: string, origin: string): string {
  let newest = { file: base, size: -1 };
  for (const name of readdirSync(dirname(base))) {
    const file = join(dirname(base), name);
    if (!isNamedAfter(base, name) || !lstatSync(file).isFile()) continue;
    const open = firstOpenOf(file);
    const isOurs = isFileOf(base, file);
    if (open?.origin !== origin || open.size < newest.size || (open.size === newest.size && !isOurs)) continue;
    newest = { file, size: open.size };
  }
  if (!newest.file.endsWith('.gz')) return newest.file;
  throw new TamperError(
    'STATE_CONFLICT',
    `there is no state for ${origin}, and its newest file is compressed (${newest.file})`,
    { hint: 'Decompress that file with gunzip, and the log goes on; or give the log another origin.' },
  );
}

function firstOpenOf(file: string): OpenEntry | undefined {
  const fd = openRegular(file);
  try {
    return readFirstOpen(fd, file.endsWith('.gz'));
  } finally {
    closeDescriptor(fd);
  }
}

/** The configuration names another file now: the run begins a next file there (spec 6, next file). */
function moveTo(
  base: string,
  before: StreamState,
  resumption: Resumption,
): { state: StreamState; resumption: Resumption } {
  if (base !== STDOUT) checkNextFile(base, before);
  const { size, frontier, leaf, current, epoch } = resumption;
  const { origin, newest, checkpoint, pending, after } = before;
  const state = {
    origin,
    size,
    frontier,
    ...(leaf !== undefined && { leaf }),
    file: base,
    offset: 0,
    ...(newest !== undefined && before.base === base && { newest }),
    base,
    epoch,
    ...(current && { current }),
    ...(checkpoint && { checkpoint }),
    ...(pending && { pending }),
    ...(after && { after }),
  };
  return { state, resumption: { ...resumption, file: base, baseline: state, account: undefined, end: 0 } };
}

/** Whether a stream that was written elsewhere may go on in a file: it must hold nothing. @throws {@link TamperError} `STATE_CONFLICT` */
export function checkNextFile(file: string, { origin, file: before }: StreamState): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)
    throw stateConflict(`the stream ${origin} was written to ${before}, and ${file} is not empty`);
}

/** Begins a new stream beside one that cannot go on: old files stay untouched (spec 6). */
export function beginNewStream(place: Place, now: number, reason: string): { origin: string; file: string } {
  const promised = promisedBy(place);
  // what was to begin in its place, and never did, is no stream that anybody could be given
  const begun = promised.after === undefined || promised.size > 0 || holdsEntries(promised.file);
  const after = begun ? { origin: promised.origin, size: promised.size, root: rootOf(promised) } : promised.after;
  const origin = continuingOrigin(place.origin, formatStamp(now));
  const file = place.base === STDOUT ? STDOUT : stampedName(place.base, now, promised.newest);
  stateFileOf(place, origin).replaceSync({
    origin,
    size: 0,
    frontier: [],
    file,
    offset: 0,
    ...(file !== STDOUT && { newest: file }),
    base: place.base,
    epoch: 0,
    after,
  });
  const first = place.origin === promised.origin ? promised : readable(place.root);
  const known = first ?? { origin: place.origin, size: 0, frontier: [], file, offset: 0, base: place.base, epoch: 0 };
  place.root.replaceSync({ ...known, continuedBy: { origin, reason, why: 'conflict' } });
  return { origin, file };
}

function holdsEntries(file: string): boolean {
  return file !== STDOUT && (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** What the state promised of the stream that cannot go on: as much as can still be read. */
function promisedBy(place: Place): StreamState {
  const first = readable(place.root);
  const next = first?.continuedBy && readable(stateFileOf(place, first.continuedBy.origin));
  const { origin, base } = place;
  return next ?? first ?? { origin, size: 0, frontier: [], file: base, offset: 0, base, epoch: 0 };
}

function readable(stateFile: StateFile): StreamState | undefined {
  try {
    return stateFile.read();
  } catch (error) {
    if (!isTamperError(error, 'STATE_MALFORMED')) throw error;
    stateFile.keepMalformed();
    return undefined;
  }
}
