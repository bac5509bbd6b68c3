import { constants, existsSync, fdatasyncSync, fstatSync, lstatSync, readdirSync, readSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../../core/hash.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type CloseEntry, type ControlEntry, type OpenEntry, readControl } from '../../format/control.ts';
import { classifyLine } from '../../format/entry.ts';
import { leafOf } from '../../format/leaf.ts';
import { formatStamp } from '../../foundation/clock.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import { isNamedAfter, numberOf, STDOUT, stampedName } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import { setAside, type TornTail } from '../disk/set-aside.ts';
import { systemCode } from '../disk/sink.ts';
import { type FileAccount, type PublishedCheckpoint, RECOVER, type StreamState } from '../disk/state-record.ts';
import { endOfLines, LINE_LIMIT, readLineBefore, readLines } from './line-reader.ts';
import { type FoundCheckpoint, type FoundEpoch, TailReplay, type TailStart } from './tail.ts';

/** Of a compressed file so much is looked at, in bytes: its first line is in it, and no bomb. */
const COMPRESSED = 8_192;
/** So much is written again at once, in bytes. */
const AGAIN = 1_048_576;

/** What the files and the state of a stream say at the start of a run. */
export interface Resumption {
  readonly why: OpenEntry['why'];
  readonly size: number;
  readonly frontier: readonly Digest[];
  readonly leaf: Digest | undefined;
  /** The file that the run's first line goes to; everything in it is accounted for. */
  readonly file: string;
  readonly account: FileAccount | undefined;
  /** How many bytes it holds; 0 if it is not there. */
  readonly end: number;
  /** From where the next run would have to replay again, should this one end before its first seal. */
  readonly baseline: Pick<StreamState, 'size' | 'frontier' | 'file' | 'offset'>;
  /** The highest epoch number that may have been announced. */
  readonly epoch: number;
  /** The key period in force at the end. */
  readonly current: FoundEpoch | undefined;
  /** Checkpoint lines on disk whose roots fit, oldest first. Their signatures are not checked yet. */
  readonly candidates: readonly FoundCheckpoint[];
  /** The checkpoint with our finished MAC that is not on disk yet. */
  readonly pending: { readonly size: number; readonly note: string } | undefined;
  readonly torn: OpenEntry['torn'];
  /** Where the torn bytes were copied to. */
  readonly tornFile: string | undefined;
  /** The stream ended with a `close` why continued; this one goes on. */
  readonly continuedBy: string | undefined;
}

/** An error for a state and files that contradict each other, with the way out (spec 6, M6.5). */
export function stateConflict(message: string): TamperError {
  return new TamperError('STATE_CONFLICT', message, {
    hint: `Keep the files as evidence. To begin a new stream that cites this one: ${RECOVER}; or on_state_conflict: new_stream.`,
  });
}

/** The start of a stream that nothing is known of. */
export function freshStart(file: string): Resumption {
  return {
    why: 'new',
    size: 0,
    frontier: [],
    leaf: undefined,
    file,
    account: undefined,
    end: 0,
    baseline: { size: 0, frontier: [], file, offset: 0 },
    epoch: 0,
    current: undefined,
    candidates: [],
    pending: undefined,
    torn: undefined,
    tornFile: undefined,
    continuedBy: undefined,
  };
}

/** What a stream goes on from where there is no tail to read: on standard output, or in a next file without a line. */
export function resumeFromState(state: StreamState): Resumption {
  const { current } = state;
  const known = readPublished(state);
  return {
    ...freshStart(state.file),
    why: state.size === 0 ? 'new' : 'recovered',
    size: state.size,
    frontier: state.frontier,
    leaf: state.leaf,
    account: state.offset > 0 ? state.account : undefined,
    baseline: state,
    epoch: state.epoch,
    current,
    candidates: known === undefined ? [] : [known],
    pending: state.pending,
  };
}

/**
 * Replays what the last run left in the file that the state names, sets debris aside, and says where to go on (spec 6). Where
 * somebody has renamed the file since, as logrotate does, {@link Resumption.file} is the name that it has now.
 *
 * @param now - for the names of a file with debris, and of a closed file
 * @throws {@link TamperError} `STATE_CONFLICT`, `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`
 */
export function resumeFromFile(named: StreamState, now: number): Resumption {
  const closed = named.offset === 0 ? finishRename(named, now) : undefined;
  const resumption = resumeIn(whereItIs(named), formatStamp(now));
  if (closed === undefined || resumption.torn !== undefined) return resumption;
  return { ...resumption, torn: { bytes: closed.bytes }, tornFile: closed.file };
}

function resumeIn(state: StreamState, stamp: string): Resumption {
  const { offset } = state;
  const fd = openKnown(state);
  if (fd === undefined) return resumeFromState(state);
  try {
    const last = lastKnownEntry(fd, state);
    const candidate = readPublished(state);
    const { account, ...without } = state;
    const start = offset === 0 || account === undefined ? without : state;
    return replay(fd, start, last, stamp, candidate === undefined ? [] : [candidate]);
  } finally {
    closeDescriptor(fd);
  }
}

/** The file that a state names; undefined if nothing was written to it. */
export function openKnown({ file, offset, begun }: StreamState): number | undefined {
  const fd = openForRecovery(file);
  if (fd === undefined && offset > 0) throw gone(`${file} is gone, but the state says that it holds ${offset} bytes`);
  if (begun === undefined && offset === 0) return fd;
  if (fd === undefined) throw gone(`${file} is gone, but the state says that it was begun`);
  let isIts = false;
  try {
    const { size, ino } = fstatSync(fd, { bigint: true });
    const mayBeEmpty = offset === 0 && begun?.written === undefined;
    isIts = size > 0n || (mayBeEmpty && (`${ino}` === begun?.file || numberOf(dirname(file)) !== begun?.directory));
  } finally {
    if (!isIts) closeDescriptor(fd);
  }
  if (isIts) return fd;
  throw gone(`${file} is gone, and an empty file is in its place, but the state says that it was begun`);
}

function gone(message: string): TamperError {
  const hint = `If it was moved or compressed, put it back (mv, gunzip) and the log goes on. If it is lost, begin a new stream that cites this one: ${RECOVER}; or on_state_conflict: new_stream. To start afresh in development, delete the state too: docs/when-things-fail.md#the-state`;
  return new TamperError('STATE_CONFLICT', message, { hint });
}

/**
 * The state with the name that its file has now: of those in its directory, the one that holds the last known entry at its
 * place, or begins right after it.
 */
export function whereItIs(state: StreamState): StreamState {
  const there = lstatSync(state.file, { throwIfNoEntry: false });
  const directory = dirname(state.file);
  if ((there?.size ?? 0) > 0 || !existsSync(directory)) return state; // what is wrong with it is said where it is read
  let found: { readonly file: string; readonly size: number } | undefined;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = join(directory, entry.name);
    if (!entry.isFile() || !isNamedAfter(state.base, entry.name) || file === state.file) continue;
    const size = sizeIfIts(file, state);
    if (size !== undefined && size > (found?.size ?? -1)) found = { file, size }; // a shorter one is a copy of its beginning
  }
  if (found === undefined) return state;
  const { checkpoint } = state;
  const moved = checkpoint?.file === state.file ? { checkpoint: { ...checkpoint, file: found.file } } : {};
  return { ...state, ...moved, file: found.file };
}

/** @returns the size of the file if it is the one that the state is about; else undefined */
function sizeIfIts(file: string, state: StreamState): number | undefined {
  const fd = openRegular(file);
  try {
    const { size, ino } = fstatSync(fd, { bigint: true });
    if (state.offset === 0) {
      const open = readFirstOpen(fd);
      const { begun } = state;
      const mayBeTorn = open === undefined && begun?.written === undefined && ino.toString() === begun?.file;
      const isIts = beginsAfter(open, state) || mayBeTorn;
      return isIts ? Number(size) : undefined;
    }
    const isIts = size >= state.offset && isLastEntry(readLineBefore(fd, state.offset, LINE_LIMIT)?.bytes, state);
    return isIts ? Number(size) : undefined;
  } finally {
    closeDescriptor(fd);
  }
}

/** Whether a file that begins so goes on where the state ends. */
function beginsAfter(open: OpenEntry | undefined, { origin, size }: StreamState): boolean {
  return open?.origin === origin && open.size === size;
}

/** Whether a line is the entry that the state ends with. */
function isLastEntry(line: Buffer | undefined, state: Pick<StreamState, 'size' | 'leaf'>): line is Buffer {
  const read = line && classifyLine(line);
  if (line === undefined || (read?.type !== 'record' && read?.type !== 'control') || read.seq !== state.size)
    return false;
  return leafOf(line, read) === state.leaf;
}

/**
 * Gives the closed file the name that the state has for it, where the writer ended before it could (spec 6, M6.3). The two
 * files that may have the one name are told apart by how they begin. The state has no name for a file that was renamed by
 * somebody else; where it is back, as with a volume that had gone away, it gets one now. So it does where a change of file
 * took the name that was announced.
 *
 * @returns what a full disk had left behind its last line, set aside
 */
function finishRename(state: StreamState, now: number): TornTail | undefined {
  const { origin, size, file, base } = state;
  const fd = openForRecovery(file);
  if (fd === undefined) return undefined;
  let aside: TornTail | undefined;
  let renamed: string | undefined;
  try {
    const open = readFirstOpen(fd);
    if (open === undefined || beginsAfter(open, state)) return undefined; // the next file has begun, or is torn
    const isFree = state.renamed !== undefined && !existsSync(state.renamed);
    renamed = isFree ? state.renamed : endsBefore(fd, state) ? stampedName(base, now, state.newest) : undefined;
    if (renamed === undefined) {
      throw stateConflict(`${file} should begin with entry ${size + 1} of ${origin}, but begins with a different one`);
    }
    const end = endOfLines(fd, fstatSync(fd).size, LINE_LIMIT);
    if (end > 0) aside = setAside(fd, renamed, end, formatStamp(now));
  } finally {
    closeDescriptor(fd);
  }
  renameSync(file, renamed);
  syncDirectory(dirname(renamed));
  return aside;
}

/** Whether a file ends with what stands right before the next one's `open`; checkpoint lines may follow it, the last one torn. */
function endsBefore(fd: number, state: StreamState): boolean {
  for (let end = endOfLines(fd, fstatSync(fd).size, LINE_LIMIT); end > 0; ) {
    const line = readLineBefore(fd, end, LINE_LIMIT);
    if (line === undefined || classifyLine(line.bytes).type !== 'checkpoint') {
      if (state.size > 0 || line === undefined) return isLastEntry(line?.bytes, state);
      const last = controlOf(line.bytes);
      return last?.kind === 'close' && last.continuedBy === state.origin;
    }
    end = line.offset;
  }
  return false;
}

/**
 * Goes on from a file alone, where the state was lost: its first `open` says where it begins.
 *
 * @throws {@link TamperError} `STATE_CONFLICT` where the file is not of this stream
 */
export function resumeFromLostState(origin: string, file: string, stamp: string): Resumption {
  const fd = openForRecovery(file);
  if (fd === undefined) return freshStart(file);
  try {
    if (fstatSync(fd).size === 0) return freshStart(file);
    const open = ownOpen(fd, origin, file);
    const start = { origin, size: open.size, frontier: open.frontier, file, epoch: 0, offset: 0 };
    return { ...replay(fd, start, undefined, stamp, []), why: 'recovered' };
  } finally {
    closeDescriptor(fd);
  }
}

/** The stream that a file says, in its last entry, that its own goes on as. @param fd - of a file of this stream */
export function successorIn(fd: number, { origin, size, frontier }: OpenEntry, file: string): string | undefined {
  const tail = new TailReplay({ origin, size, frontier });
  for (const line of readLines(fd, 0, LINE_LIMIT)) if (!tail.take(line, file)) break;
  return closeOf(tail.lastEntry)?.continuedBy;
}

/** What a file begins with that is to be of this stream. */
export function ownOpen(fd: number, origin: string, file: string): OpenEntry {
  const open = readFirstOpen(fd);
  if (open?.origin === origin) return open;
  const what =
    open === undefined
      ? 'begins with a line that this version does not know, or that nobody sealed'
      : `belongs to the stream ${open.origin}`;
  throw stateConflict(`${file} ${what}, and there is no state for ${origin}`);
}

/** The `open` that a file of ours begins with. */
export function readFirstOpen(fd: number, isCompressed = false): OpenEntry | undefined {
  if (isCompressed) return openIn(firstLineOf(fd));
  for (const { bytes } of readLines(fd, 0, LINE_LIMIT)) return openIn(bytes);
  return undefined;
}

/** Of a compressed file; empty if it is none. */
function firstLineOf(fd: number): Buffer {
  const { constants: zlib, gunzipSync } = process.getBuiltinModule('node:zlib'); // a rare look, and a module that is slow to load
  const beginning = Buffer.alloc(COMPRESSED);
  const length = readSync(fd, beginning, 0, COMPRESSED, 0);
  try {
    const text = gunzipSync(beginning.subarray(0, length), { finishFlush: zlib.Z_SYNC_FLUSH });
    return text.subarray(0, Math.max(0, text.indexOf(0x0a)));
  } catch (error) {
    if (systemCode(error).startsWith('Z_')) return Buffer.alloc(0); // a file of nobody's
    throw error;
  }
}

/** The `open` that a line is. */
export function openIn(line: Buffer): OpenEntry | undefined {
  const entry = controlOf(line);
  return entry?.kind === 'open' ? entry : undefined;
}

function controlOf(line: Buffer): ControlEntry | undefined {
  const read = classifyLine(line);
  if (read.type !== 'control') return undefined;
  const reading = readControl(line, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  return 'entry' in reading ? reading.entry : undefined;
}

/** @returns undefined where there is no such file */
export function openForRecovery(file: string, isWritten = true): number | undefined {
  try {
    return openRegular(file, isWritten ? constants.O_RDWR : constants.O_RDONLY);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    if (isTamperError(cause)) throw cause;
    throw new TamperError('READ_FAILED', `cannot open ${file} (${systemCode(cause)})`, {
      cause,
      ...(isWritten && {
        hint: 'The writer reads the end of its last file again at each start, and must be able to write to it.',
      }),
    });
  }
}

/** The entry that the state ends with must stand where the state says. @returns it, where it is a control entry */
export function lastKnownEntry(fd: number, state: StreamState): ControlEntry | undefined {
  if (state.offset === 0) return undefined;
  const line = fstatSync(fd).size < state.offset ? undefined : readLineBefore(fd, state.offset, LINE_LIMIT);
  if (line === undefined || !isLastEntry(line.bytes, state)) {
    throw stateConflict(`${state.file} does not hold entry ${state.size} where the state says (byte ${state.offset})`);
  }
  return controlOf(line.bytes);
}

/** The newest checkpoint line that the state knows of, if it stands there still. */
function readPublished(state: StreamState): FoundCheckpoint | undefined {
  const published: PublishedCheckpoint | undefined = state.checkpoint;
  if (published?.file === STDOUT) return keptNote(published);
  const fd = published && openForRecovery(published.file, false);
  if (published === undefined) return undefined;
  if (fd === undefined) return keptNote(published); // moved or compressed
  try {
    for (const { bytes } of readLines(fd, published.offset, LINE_LIMIT)) {
      const line = classifyLine(bytes);
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      const same = checkpoint?.size === published.size && checkpoint.root === published.root;
      return same && note !== undefined ? { ...published, note } : undefined;
    }
    return undefined;
  } finally {
    closeDescriptor(fd);
  }
}

function keptNote(published: PublishedCheckpoint): FoundCheckpoint | undefined {
  return published.note === undefined ? undefined : { ...published, note: published.note };
}

type ReplayStart = TailStart & Pick<StreamState, 'file' | 'epoch' | 'offset' | 'pending'>;

function replay(
  fd: number,
  start: ReplayStart,
  last: ControlEntry | undefined,
  stamp: string,
  known: readonly FoundCheckpoint[],
): Resumption {
  const { file, offset } = start;
  const tail = new TailReplay(start);
  let end = offset;
  for (const line of readLines(fd, offset, LINE_LIMIT)) {
    if (!tail.take(line, file)) break;
    end = line.offset + line.bytes.length + 1;
  }
  if (tail.later !== undefined) throw stateConflict(`a later version wrote ${file} (${tail.later})`);
  const aside = setAside(fd, file, end, stamp);
  writeAgain(fd, file, offset, end);
  const clean = tail.lastEntry === undefined && aside === undefined;
  const close = closeOf(tail.lastEntry ?? last);
  return {
    why: tail.frontier.size === 0 ? 'new' : clean && close?.why === 'shutdown' ? 'resumed' : 'recovered',
    size: tail.frontier.size,
    frontier: [...tail.frontier.subtrees],
    leaf: tail.leaf,
    file,
    account: tail.account,
    end,
    baseline: { size: start.size, frontier: start.frontier, file, offset },
    epoch: Math.max(start.epoch, tail.highestEpoch),
    current: tail.current,
    candidates: [...known, ...tail.found],
    pending: start.pending !== undefined && isMissing(start.pending, tail) ? start.pending : undefined,
    torn: aside && { bytes: aside.bytes },
    tornFile: aside?.file,
    continuedBy: close?.continuedBy,
  };
}

/**
 * Writes once more, durably, what no fsync is known to cover. After one that failed, a kernel may take pages for clean that never
 * reached the disk: they can be read, the next fsync succeeds without them, and a power failure leaves a hole before what follows.
 * That is brought to the disk here, because the run may go on in another file.
 */
function writeAgain(fd: number, file: string, from: number, to: number): void {
  if (from === to) return;
  const chunk = Buffer.allocUnsafe(Math.min(AGAIN, to - from));
  try {
    for (let at = from; at < to; ) {
      const count = readSync(fd, chunk, 0, Math.min(chunk.length, to - at), at);
      if (count === 0) break;
      writeWhole(fd, chunk.subarray(0, count), at);
      at += count;
    }
    fdatasyncSync(fd);
  } catch (cause) {
    throw new TamperError('WRITE_FAILED', `cannot write the end of ${file} once more (${systemCode(cause)})`, {
      cause,
      hint: 'Free some space in the directory of the log.',
    });
  }
}

function closeOf(entry: ControlEntry | 'record' | undefined): CloseEntry | undefined {
  return entry !== undefined && entry !== 'record' && entry.kind === 'close' ? entry : undefined;
}

/** Whether the line of a checkpoint that was finished before the crash is not on disk. */
function isMissing(pending: { readonly size: number; readonly note: string }, tail: TailReplay): boolean {
  return tail.sealAt(pending.size) !== undefined && !tail.found.some(({ size }) => size === pending.size);
}
