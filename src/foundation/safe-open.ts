import { constants } from 'node:fs';
import { TamperError } from '../errors.ts';

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
