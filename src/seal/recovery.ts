import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Digest } from '../core/hash.ts';
import { hashLeaf } from '../core/tree.ts';
import { TamperError } from '../errors.ts';
import { parseSignedCheckpoint } from '../format/checkpoint.ts';
import type { OpenEntry } from '../format/control.ts';
import { readControl } from '../format/control.ts';
import { classifyLine, TAIL_LENGTH } from '../format/entry.ts';
import { readLineBefore, readLines } from './line-reader.ts';
import { setAside } from './set-aside.ts';
import { systemCode } from './sink.ts';
import type { PublishedCheckpoint, StreamState } from './state-record.ts';
import { type FoundCheckpoint, type FoundEpoch, TailReplay, type TailStart } from './tail.ts';

/** An entry line is at most so long on disk: a wrapped line of `max_line_bytes`, every byte escaped. */
const LINE_LIMIT = 16_777_216;

/** What the files and the state of a stream say at the start of a run. */
export interface Resumption {
  readonly why: 'new' | 'resumed' | 'recovered';
  readonly size: number;
  readonly frontier: readonly Digest[];
  readonly leaf: Digest | undefined;
  /** The file that the run's first line goes to; everything in it is accounted for. */
  readonly file: string;
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
}

/** An error for a state and files that contradict each other, with the way out (spec 6). */
function stateConflict(message: string): TamperError {
  return new TamperError('STATE_CONFLICT', message, {
    hint: 'Keep the files as evidence. `fapilog-tamper recover FILE --reason TEXT` (or on_state_conflict: new_stream) begins a new stream that cites this one.',
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
    baseline: { size: 0, frontier: [], file, offset: 0 },
    epoch: 0,
    current: undefined,
    candidates: [],
    pending: undefined,
    torn: undefined,
    tornFile: undefined,
  };
}

/** What a stream on a sink that cannot be read again goes on from: its state alone. */
export function resumeFromState(state: StreamState): Resumption {
  const { checkpoint, current } = state;
  return {
    ...freshStart(state.file),
    why: state.size === 0 ? 'new' : 'recovered',
    size: state.size,
    frontier: state.frontier,
    leaf: state.leaf,
    baseline: state,
    epoch: state.epoch,
    current,
    candidates: checkpoint?.note === undefined ? [] : [{ ...checkpoint, note: checkpoint.note }],
    pending: state.pending,
  };
}

/**
 * Replays what the last run left in the file that the state names, sets debris aside, and says where to go on (spec 6).
 *
 * @param stamp - the time for the name of a file with debris
 * @throws {@link TamperError} `STATE_CONFLICT`
 */
export function resumeFromFile(state: StreamState, stamp: string): Resumption {
  const { file } = state;
  const fd = openForRecovery(file);
  if (fd === undefined) {
    if (state.offset > 0)
      throw stateConflict(`${file} is gone, but the state says that it holds ${state.offset} bytes`);
    return withoutTail(state);
  }
  try {
    checkAgainstState(fd, state);
    const candidate = readPublished(state);
    return replay(fd, state, state.offset, stamp, candidate === undefined ? [] : [candidate]);
  } finally {
    closeSync(fd);
  }
}

/**
 * Goes on from a file alone, where the state was lost: its first `open` says where it begins.
 *
 * @throws {@link TamperError} `STATE_CONFLICT` where the file is not of this stream
 */
export function resumeFromLostState(origin: string, file: string, stamp: string): Resumption {
  const fd = openForRecovery(file);
  if (fd === undefined || fstatSync(fd).size === 0) {
    if (fd !== undefined) closeSync(fd);
    return freshStart(file);
  }
  try {
    const open = readFirstOpen(fd);
    if (open === undefined || open.origin !== origin) {
      const what = open === undefined ? 'begins with a line that is not ours' : `is of the stream ${open.origin}`;
      throw stateConflict(`${file} ${what}, and there is no state of ${origin}`);
    }
    const start = { origin, size: open.size, frontier: open.frontier };
    const resumption = replay(fd, { ...start, file, epoch: 0 }, 0, stamp, []);
    return { ...resumption, why: 'recovered' };
  } finally {
    closeSync(fd);
  }
}

/** The `open` that a file of ours begins with. */
function readFirstOpen(fd: number): OpenEntry | undefined {
  for (const { bytes } of readLines(fd, 0)) {
    const line = classifyLine(bytes);
    if (line.type !== 'control') return undefined;
    const reading = readControl(bytes, line.seq, line.kind, `${line.tag}.${line.epoch}`, line.member);
    return 'entry' in reading && reading.entry.kind === 'open' ? reading.entry : undefined;
  }
  return undefined;
}

function openForRecovery(file: string): number | undefined {
  try {
    return openSync(file, 'r+');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw new TamperError('READ_FAILED', `cannot read ${file} (${systemCode(cause)})`, { cause });
  }
}

function withoutTail(state: StreamState): Resumption {
  const candidate = readPublished(state);
  return {
    ...resumeFromState(state),
    candidates: candidate === undefined ? [] : [candidate],
  };
}

/** The entry that the state ends with must stand where the state says. */
function checkAgainstState(fd: number, state: StreamState): void {
  if (state.offset === 0) return;
  const line = readLineBefore(fd, state.offset, LINE_LIMIT);
  const read = line && classifyLine(line.bytes);
  const entry = read !== undefined && (read.type === 'record' || read.type === 'control') ? read : undefined;
  const leaf = line && hashLeaf(line.bytes.subarray(0, line.bytes.length - TAIL_LENGTH));
  if (entry?.seq === state.size && leaf === state.leaf) return;
  throw stateConflict(`${state.file} does not hold entry ${state.size} where the state says (byte ${state.offset})`);
}

/** The newest checkpoint line that the state knows of, if it stands there still. */
function readPublished(state: StreamState): FoundCheckpoint | undefined {
  const published: PublishedCheckpoint | undefined = state.checkpoint;
  if (published === undefined) return undefined;
  const fd = openForRecovery(published.file);
  if (fd === undefined) return undefined; // moved away or compressed: then it vouches for nothing
  try {
    for (const { bytes } of readLines(fd, published.offset)) {
      const line = classifyLine(bytes);
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      const same = checkpoint?.size === published.size && checkpoint.root === published.root;
      return same && note !== undefined ? { ...published, note } : undefined;
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

type ReplayStart = TailStart & Pick<StreamState, 'file' | 'epoch' | 'pending'>;

function replay(
  fd: number,
  start: ReplayStart,
  offset: number,
  stamp: string,
  known: readonly FoundCheckpoint[],
): Resumption {
  const tail = new TailReplay(start);
  let end = offset;
  for (const line of readLines(fd, offset)) {
    if (!tail.take(line, start.file)) break;
    end = line.offset + line.bytes.length + 1;
  }
  const aside = setAside(fd, start.file, end, stamp);
  const clean = tail.lastEntry === undefined && aside === undefined && offset > 0;
  return {
    why: tail.frontier.size === 0 ? 'new' : clean && endsWithShutdown(fd, offset) ? 'resumed' : 'recovered',
    size: tail.frontier.size,
    frontier: [...tail.frontier.subtrees],
    leaf: tail.leaf,
    file: start.file,
    baseline: { size: start.size, frontier: start.frontier, file: start.file, offset },
    epoch: Math.max(start.epoch, tail.highestEpoch),
    current: tail.current,
    candidates: [...known, ...tail.found],
    pending: start.pending !== undefined && isMissing(start.pending, tail) ? start.pending : undefined,
    torn: aside && { bytes: aside.bytes, sha256: aside.sha256 },
    tornFile: aside?.file,
  };
}

/** Whether the line of a checkpoint that was finished before the crash is not on disk. */
function isMissing(pending: { readonly size: number; readonly note: string }, tail: TailReplay): boolean {
  return tail.sealAt(pending.size) !== undefined && !tail.found.some(({ size }) => size === pending.size);
}

function endsWithShutdown(fd: number, offset: number): boolean {
  const line = readLineBefore(fd, offset, LINE_LIMIT);
  const read = line && classifyLine(line.bytes);
  if (line === undefined || read?.type !== 'control' || read.kind !== 'close') return false;
  const reading = readControl(line.bytes, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  return 'entry' in reading && reading.entry.kind === 'close' && reading.entry.why === 'shutdown';
}
