import { fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';
import { closeDescriptor, writeWhole } from './descriptor.ts';

/**
 * Files that are replaced whole: a new one is written beside the old, flushed, renamed, and the directory flushed. A power cut
 * leaves the old one or the new one, never a part.
 */
export interface Replacement {
  readonly path: string;
  /** The new file's name until it is whole: in the same directory, and not there yet. */
  readonly temporary: string;
  /** Permissions of the new file. */
  readonly mode: number;
  /** Put in place of the rename where more is to be decided once the new file is whole. */
  readonly put?: () => void;
}

/**
 * Replaces a file, and removes the new one where that fails.
 *
 * @throws what the system says, or `put`
 */
export async function replaceFile(
  { path, temporary, mode, put }: Replacement,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    const file = await open(temporary, 'wx', mode); // neither a link nor a file that somebody else has put there
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await (put === undefined ? rename(temporary, path) : put());
  } catch (error) {
    await rm(temporary, { force: true }).catch(ofSystem);
    throw error;
  }
  await syncDirectoryLater(dirname(path));
}

/** As {@link replaceFile}, at the end of a process, where nothing else is to run. */
export function replaceFileSync({ path, temporary, mode, put }: Replacement, bytes: Buffer): void {
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeWhole(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeDescriptor(fd);
    }
    if (put === undefined) renameSync(temporary, path);
    else put();
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch (second) {
      ofSystem(second);
    }
    throw error;
  }
  syncDirectory(dirname(path));
}

/** What cannot be removed is left for who cleans up at the next start; the first failure is the one that is told. */
function ofSystem(error: unknown): void {
  if (systemCode(error) === '') throw error;
}

/** Makes the names in a directory durable. Windows has no such call and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeDescriptor(fd);
  }
}

/** As {@link syncDirectory}, without holding anything up. */
export async function syncDirectoryLater(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
