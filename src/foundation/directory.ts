import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';

/**
 * Creates a directory and those above it that are missing. Node.js's own `recursive` never returns below /proc, where a
 * directory is there and nothing can be created in it (ENOENT).
 *
 * @param mode - of each directory that is created
 * @throws the error of the system
 */
export function createDirectory(path: string, mode: number): void {
  if (isThere(path, mode)) return;
  createDirectory(dirname(path), mode);
  mkdirSync(path, { mode });
}

/** @returns false if the directory above it is missing */
function isThere(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return true;
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    throw error;
  }
}

/**
 * Refuses to go on if the working directory was deleted: no relative path has a meaning then.
 *
 * @throws {@link TamperError} `NOT_FOUND`
 */
export function checkWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new TamperError('NOT_FOUND', `the working directory no longer exists (${systemCode(cause)})`, {
      cause,
      hint: 'Start the process in a directory that exists.',
    });
  }
}
