import { closeSync, fstatSync, readSync } from 'node:fs';
import { isTamperError, TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { appendDurably } from '../../foundation/durable-append.ts';
import { openRegular } from '../disk/safe-open.ts';
import { systemCode } from '../disk/sink.ts';

const LF = 0x0a;
/** How much of an anchor is read at once, in bytes. */
const CHUNK = 1 << 20;
/** A line that is longer holds no checkpoint, in bytes: a note as a JSON string at its longest. */
const LONGEST_LINE = 8 * MAX_NOTE;
/** So many checkpoints are held at once; where nobody signed them, the file is read again for the next ones. */
const AT_ONCE = 256;
/** An anchor is not longer, in bytes: a checkpoint of each minute of five years. */
const LONGEST = 1 << 30;

/** What is being appended to a file. */
export interface Appending {
  readonly note: string;
  readonly done: Promise<void>;
}

/**
 * Appends a note to a file as a checkpoint line, onto the disk. A mount that does not answer gives back neither the call nor its
 * thread, so a second one waits until the first has ended, however late.
 *
 * @throws {@link TamperError} `UNSAFE_PATH` if the file begins with anything but a checkpoint: somebody's key, or the log itself
 */
export async function appendNote(
  anchor: { readonly name: string; appending?: Appending | undefined },
  note: string,
): Promise<void> {
  while (anchor.appending !== undefined && anchor.appending.note !== note) await anchor.appending.done;
  anchor.appending ??= {
    note,
    done: append(anchor.name, note).finally(() => {
      anchor.appending = undefined;
    }),
  };
  return anchor.appending.done;
}

async function append(path: string, note: string): Promise<void> {
  await appendDurably(path, `${formatCheckpointLine(note)}\n`, 0o640, { most: LONGEST_LINE, check: refuseOther });
}

function refuseOther(beginning: Buffer): void {
  const end = beginning.indexOf(LF);
  const first = beginning.subarray(0, end < 0 ? beginning.length : end);
  if (beginning.length === 0 || classifyLine(first).type === 'checkpoint') return;
  throw new TamperError('UNSAFE_PATH', 'it does not begin with a checkpoint, so nothing is added to it', {
    hint: 'Name a file of its own in the option anchors, or one that does not exist yet.',
  });
}

/**
 * The checkpoints of a stream in a file, the largest first.
 *
 * @throws {@link TamperError} `UNSAFE_PATH`, `READ_FAILED`; `NOT_FOUND` where there is no such file
 */
export async function* notesInFile(path: string, origin: string): AsyncGenerator<SignedCheckpoint> {
  let last: Placed | undefined;
  do {
    let best: Placed[] = [];
    let at = 0;
    for (const bytes of linesOf(path)) {
      const line = classifyLine(bytes);
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      const placed = checkpoint?.origin === origin && { checkpoint, at };
      if (placed && (last === undefined || isBefore(last, placed))) best.push(placed);
      if (best.length === 2 * AT_ONCE) best = best.sort(order).slice(0, AT_ONCE);
      if (++at % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    best = best.sort(order).slice(0, AT_ONCE);
    for (const { checkpoint } of best) yield checkpoint;
    last = best.at(-1);
  } while (last !== undefined);
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
function* linesOf(name: string): Generator<Buffer> {
  let fd: number;
  try {
    fd = openRegular(name);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') throw new TamperError('NOT_FOUND', 'there is no such file', { cause });
    throw isTamperError(cause) ? cause : unreadable(name, systemCode(cause), cause);
  }
  try {
    if (fstatSync(fd).size > LONGEST) throw unreadable(name, `longer than ${LONGEST} bytes`);
    const chunk = Buffer.allocUnsafe(CHUNK);
    let rest = Buffer.alloc(0);
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      let bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
        yield bytes.subarray(0, end);
        bytes = bytes.subarray(end + 1);
      }
      rest = bytes.length > LONGEST_LINE ? bytes.subarray(0, LONGEST_LINE) : bytes;
    }
    yield rest;
  } catch (cause) {
    throw isTamperError(cause) ? cause : unreadable(name, systemCode(cause), cause);
  } finally {
    closeSync(fd);
  }
}

function unreadable(name: string, why: string, cause?: unknown): TamperError {
  return new TamperError('READ_FAILED', `cannot read the anchor ${name} (${why})`, { cause });
}
