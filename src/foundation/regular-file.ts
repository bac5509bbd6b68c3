import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { systemCode, TamperError } from '../errors.ts';
import { type FileIdentity, identityOf, isSame, Replaced } from './file-identity.ts';
import { causeAbout, shown } from './key-like.ts';

/** Only regular files are read: a FIFO or a device that stands in the place of one neither blocks nor goes on for ever. */

/** A FIFO must not block us; Windows has none, nor the flag. */
const FLAGS = process.platform === 'win32' ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Told that a file was read to its end, with what the system said of it, open, before and after that; `undefined` for a file that was
 * looked for and is not there.
 */
export type OnRead = (path: string, before: BigIntStats | undefined, after: BigIntStats | undefined) => void;

class NotRegular extends Error {
  readonly code = 'not a regular file';
}

/** Opens a regular file. It throws what the system says, or an error whose `code` says that it is none. */
export async function openRegular(path: string): Promise<FileHandle> {
  return (await openStated(path)).file;
}

/** As {@link openRegular}, with what the system says of the open file. */
export async function openStated(path: string): Promise<{ readonly file: FileHandle; readonly stats: BigIntStats }> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) throw new NotRegular(`${path} is not a regular file`);
    return { file, stats };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What there is to check of an open file, as numbers. */
export const numbersOf = ({ size, uid, mode }: BigIntStats): { size: number; uid: number; mode: number } => ({
  size: Number(size),
  uid: Number(uid),
  mode: Number(mode),
});

/** Opens the regular file that had the name when it was looked at. It throws as {@link openRegular} does, or `ESTALE`. */
export async function openSame(path: string, identity: FileIdentity): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  try {
    // what was looked at was a regular file
    if (isSame(identityOf(await file.stat({ bigint: true })), identity)) return file;
    throw new Replaced(`${path} was replaced before it could be read`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A regular file that was opened for a short look at it. */
interface OpenedFile {
  readonly fd: number;
  readonly stats: BigIntStats;
}

/** Opens a regular file, for a short look at it. It throws as {@link openRegular} does. */
export function openRegularSync(path: string): OpenedFile {
  const fd = openSync(path, FLAGS);
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (!stats.isFile()) throw new NotRegular(`${path} is not a regular file`);
    return { fd, stats };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** What the system says of one file alone, whatever else can be read. */
const UNREADABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EIO',
  'EBUSY',
  'ELOOP',
  'ENAMETOOLONG',
  'EBADMSG',
  'ETIMEDOUT', // of a mount whose server is gone
  'ENOTCONN',
  'ENXIO', // a socket
]);

/** Whether an error says that this file or directory cannot be read, and nothing of others. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(systemCode(error)) || error instanceof NotRegular;
}

/** What the system says of a path as an error of ours: `NOT_FOUND` or `READ_FAILED`. Any other error is thrown as it is. */
export function readError(path: string, error: unknown, hint: string): TamperError {
  if (error instanceof TamperError) return error;
  const code = systemCode(error);
  if (code === '') throw error;
  const options = { hint, ...causeAbout(path, error) };
  return code === 'ENOENT'
    ? new TamperError('NOT_FOUND', `there is no file or directory ${shown(path)}`, options)
    : new TamperError('READ_FAILED', `${shown(path)} cannot be read (${code})`, options);
}
