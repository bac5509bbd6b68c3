import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { asError, isTamperError, systemCode, TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { type DeadlineOptions, withDeadline } from '../../foundation/deadline.ts';
import { appendDurably, openSafely } from '../../foundation/durable-append.ts';

const LF = 0x0a;
/** What a line of a checkpoint begins with. */
const FIRST = Buffer.from('{"integrity":{"kind":"checkpoint","note":"');
/** How much of an anchor is read at once, in bytes. */
const CHUNK = 1 << 20;
/** A line that is longer holds no checkpoint, in bytes: a note as a JSON string at its longest. */
const LONGEST_LINE = 8 * MAX_NOTE;
/** So many checkpoints are held at once; where nobody signed them, the file is read again for the next ones. */
const AT_ONCE = 256;
/** An anchor is not longer, in bytes: a checkpoint of each minute of five years. */
const LONGEST = 1 << 30;

/** An anchor that is a file, and the notes that it has not got yet. */
interface FileAnchor {
  readonly name: string;
  waiting: readonly string[];
}

/**
 * Appends a note that waits for a file to it as a checkpoint line, onto the disk; it waits no longer then, even if that took
 * longer than it may.
 *
 * @throws {@link TamperError} `UNSAFE_PATH` if the file begins with anything but a checkpoint: somebody's key, or the log itself;
 * `TIMEOUT` or `ABORTED` if it takes longer than it may
 */
export async function appendNote(anchor: FileAnchor, note: string, bounds: DeadlineOptions): Promise<void> {
  const append = async (): Promise<void> => {
    if (!anchor.waiting.includes(note)) return; // a call that was given up has done it
    const check = { most: FIRST.length, check: refuseOther };
    await appendDurably(anchor.name, `${formatCheckpointLine(note)}\n`, 0o640, check);
    anchor.waiting = anchor.waiting.filter((one) => one !== note);
  };
  await withDeadline(bounds, (signal) => inTurn(anchor.name, signal, append));
}

/** Who waits for a file that somebody is at. */
const turns = new Map<string, (() => void)[]>();

/**
 * One call after another for each file: a mount that does not answer gives back neither the call nor its thread, of which a process
 * has four. Whoever gives up while he waits does not come to it.
 */
async function inTurn<T>(path: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const queue = turns.get(path);
  if (queue === undefined) turns.set(path, []);
  else await turnIn(queue, signal);
  try {
    signal.throwIfAborted();
    return await act();
  } finally {
    const next = turns.get(path)?.shift();
    if (next === undefined) turns.delete(path);
    else next();
  }
}

function turnIn(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    queue.push(resolve);
    const giveUp = (): void => {
      const at = queue.indexOf(resolve);
      if (at >= 0) queue.splice(at, 1);
      reject(asError(signal.reason));
    };
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

function refuseOther(beginning: Buffer): void {
  // a whole line, or what a full disk left of one
  if (beginning.length === 0 || beginning.subarray(0, FIRST.length).equals(FIRST)) return;
  throw new TamperError('UNSAFE_PATH', 'it does not begin with a checkpoint, so nothing is added to it', {
    hint: 'Name a file of its own in the option anchors, or one that does not exist yet.',
  });
}

/**
 * The checkpoints of a stream in a file, the largest first.
 *
 * @throws {@link TamperError} `UNSAFE_PATH`, `READ_FAILED`; `NOT_FOUND` if there is no such file; the reason of `signal`
 */
export async function* notesInFile(
  path: string,
  origin: string,
  signal: AbortSignal,
): AsyncGenerator<SignedCheckpoint> {
  let last: Placed | undefined;
  do {
    const after = last;
    const best = await inTurn(path, signal, () => largestIn(path, origin, after, signal));
    for (const { checkpoint } of best) yield checkpoint;
    last = best.at(-1);
  } while (last !== undefined);
}

/** The largest checkpoints of a stream in a file, of those behind `after` in their order. */
async function largestIn(
  path: string,
  origin: string,
  after: Placed | undefined,
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  let best: Placed[] = [];
  let at = 0;
  for await (const bytes of linesOf(path, signal)) {
    const line = classifyLine(bytes);
    const note = line.type === 'checkpoint' ? line.note : undefined;
    const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
    const placed = checkpoint?.origin === origin && { checkpoint, at };
    if (placed && (after === undefined || isBefore(after, placed))) best.push(placed);
    if (best.length === 2 * AT_ONCE) best = best.sort(order).slice(0, AT_ONCE);
    if (++at % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return best.sort(order).slice(0, AT_ONCE);
}

/** A checkpoint, and the number of its line. */
interface Placed {
  readonly checkpoint: SignedCheckpoint;
  readonly at: number;
}

/** The largest first; of equal ones the one that came last. */
const order = (one: Placed, other: Placed): number => other.checkpoint.size - one.checkpoint.size || other.at - one.at;
const isBefore = (one: Placed, other: Placed): boolean => order(one, other) < 0;

/** The lines of an anchor, read chunk by chunk. */
async function* linesOf(name: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let file: FileHandle | undefined;
  try {
    const opened = await openSafely(name, constants.O_RDONLY);
    ({ file } = opened);
    if (opened.size > LONGEST) throw unreadable(name, `longer than ${LONGEST} bytes`);
    const chunk = Buffer.allocUnsafe(CHUNK);
    let rest = Buffer.alloc(0);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, CHUNK, null);
      if (bytesRead === 0) break;
      let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
        yield bytes.subarray(0, end);
        bytes = bytes.subarray(end + 1);
      }
      rest = bytes.length > LONGEST_LINE ? bytes.subarray(0, LONGEST_LINE) : bytes;
    }
    yield rest;
  } catch (cause) {
    if (isTamperError(cause) || systemCode(cause) === '') throw cause;
    if (systemCode(cause) === 'ENOENT') throw new TamperError('NOT_FOUND', 'there is no such file', { cause });
    throw unreadable(name, systemCode(cause), cause);
  } finally {
    await file?.close();
  }
}

function unreadable(name: string, why: string, cause?: unknown): TamperError {
  return new TamperError('READ_FAILED', `cannot read the anchor ${name} (${why})`, { cause });
}
