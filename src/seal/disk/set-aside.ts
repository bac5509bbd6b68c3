import { existsSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { TamperError } from '../../errors.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import { systemCode } from './sink.ts';

const CHUNK = 1_048_576;

/** What recovery cut off, and where it was copied to. */
export interface TornTail {
  readonly bytes: number;
  readonly file: string;
}

/**
 * Copies what stands from `from` on to a file of its own, makes the copy durable, and cuts it off (spec 6, M6.2).
 *
 * @throws {@link TamperError} `WRITE_FAILED` where there is no room for the copy; nothing has been cut off then
 */
export function setAside(fd: number, file: string, from: number, stamp: string): TornTail | undefined {
  if (readSync(fd, Buffer.alloc(1), 0, 1, from) === 0) return undefined;
  const path = unusedName(`${file}.torn-${stamp}`);
  let bytes: number;
  try {
    bytes = copyTo(path, fd, from);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(path, { force: true });
    throw new TamperError(
      'WRITE_FAILED',
      `cannot copy what a crash left in ${file} to ${path} (${systemCode(cause)})`,
      {
        cause,
        hint: 'Free some space in the directory of the log.',
      },
    );
  }
  ftruncateSync(fd, from);
  fsyncSync(fd);
  return { bytes, file: path };
}

/** @returns how many bytes were copied */
function copyTo(path: string, fd: number, from: number): number {
  const chunk = Buffer.allocUnsafe(CHUNK);
  const copy = openSync(path, 'wx', 0o600);
  let at = from;
  try {
    for (;;) {
      const piece = chunk.subarray(0, readSync(fd, chunk, 0, chunk.length, at));
      if (piece.length === 0) break;
      writeWhole(copy, piece);
      at += piece.length;
    }
    fsyncSync(copy);
  } finally {
    closeDescriptor(copy);
  }
  return at - from;
}

/** `path`, or `path-2` and so on where that is taken. */
export function unusedName(path: string): string {
  let name = path;
  for (let number = 2; existsSync(name); number++) name = `${path}-${number}`;
  return name;
}
