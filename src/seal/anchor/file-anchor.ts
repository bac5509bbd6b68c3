import { closeSync, fstatSync, readSync } from 'node:fs';
import { isTamperError, TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { appendDurably } from '../../foundation/durable-append.ts';
import { openRegular } from '../disk/safe-open.ts';
import { systemCode } from '../disk/sink.ts';
import { isAddress } from './anchor-name.ts';

const LF = 0x0a;
/** How much of an anchor is read at once, in bytes. */
const CHUNK = 1 << 20;
/** A line that is longer holds no checkpoint, in bytes: a note as a JSON string at its longest. */
const LONGEST_LINE = 8 * MAX_NOTE;
/** An anchor is not longer, in bytes: a checkpoint of each minute of five years. */
const LONGEST = 1 << 30;

/** Appends a note to a file as a checkpoint line, onto the disk. */
export async function appendNote(path: string, note: string): Promise<void> {
  await appendDurably(path, `${formatCheckpointLine(note)}\n`, 0o640);
}

/** The newest checkpoint of a stream in the anchors that are files. @throws {@link TamperError} `UNSAFE_PATH`, `READ_FAILED` */
export function newestAnchored(names: readonly string[], origin: string): SignedCheckpoint | undefined {
  let newest: SignedCheckpoint | undefined;
  for (const name of names) {
    if (isAddress(name)) continue;
    for (const bytes of linesOf(name)) {
      const line = classifyLine(bytes);
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      if (checkpoint?.origin === origin && checkpoint.size > (newest?.size ?? 0)) newest = checkpoint;
    }
  }
  return newest;
}

/** The lines of an anchor, read chunk by chunk. A file that does not exist has no lines. */
function* linesOf(name: string): Generator<Buffer> {
  let fd: number;
  try {
    fd = openRegular(name);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return;
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
