import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { systemCode, TamperError } from '../errors.ts';

/** Only regular files are read: a FIFO or a device that stands in the place of one neither blocks nor goes on for ever. */

/** A FIFO must not block us; Windows has none, nor the flag. */
const FLAGS = process.platform === 'win32' ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK;

class NotRegular extends Error {
  readonly code = 'not a regular file';
}

/** Opens a regular file. It throws what the system says, or an error whose `code` says that it is none. */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  try {
    if (!(await file.stat()).isFile()) throw new NotRegular(`${path} is not a regular file`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens a regular file, for a short look at it; with its size in bytes. It throws as {@link openRegular} does. */
export function openRegularSync(path: string): { readonly fd: number; readonly size: number } {
  const fd = openSync(path, FLAGS);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new NotRegular(`${path} is not a regular file`);
    return { fd, size: stats.size };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** What the system says of a path as an error of ours: `NOT_FOUND` or `READ_FAILED`. Any other error is thrown as it is. */
export function readError(path: string, error: unknown, hint: string): TamperError {
  if (error instanceof TamperError) return error;
  const code = systemCode(error);
  if (code === '') throw error;
  const options = { cause: error, hint };
  return code === 'ENOENT'
    ? new TamperError('NOT_FOUND', `there is no file or directory ${path}`, options)
    : new TamperError('READ_FAILED', `${path} cannot be read (${code})`, options);
}
