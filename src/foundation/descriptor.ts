import { closeSync, constants, writeSync } from 'node:fs';
import { systemCode, TamperError } from '../errors.ts';

/** Flags of an open: neither follow a link nor wait for the other end of a pipe. Windows has neither. */
export const SAFELY: number = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Permission bits that let others than the owner write. */
export const OTHERS_WRITE = 0o022;

/** The error for what may not stand in the place of a file of ours. */
export function unsafePath(path: string, what: string, cause?: unknown): TamperError {
  return new TamperError('UNSAFE_PATH', `${path} ${what}`, {
    cause,
    hint: 'Only regular files are opened here, and links are not followed. Name the file itself; if you did not create the link, find out who did.',
  });
}

/**
 * Gives a descriptor back. A network file system or a quota may fail here with what earlier writes ran into; the descriptor
 * is gone all the same, and what had to be durable was flushed before, which told. So such a failure says nothing that anybody
 * could act on, and must not hide what a caller is about to throw.
 *
 * @throws what the system says of a descriptor that is not open: a defect of ours
 */
export function closeDescriptor(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (systemCode(error) === 'EBADF' || systemCode(error) === '') throw error;
  }
}

/**
 * Writes all of it: a disk that is nearly full may take a part and say so only by the number.
 *
 * @param position - where in the file, in bytes; default: where the descriptor stands
 */
export function writeWhole(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const at = position === undefined ? null : position + done;
    done += writeSync(fd, bytes, done, bytes.length - done, at);
  }
}
