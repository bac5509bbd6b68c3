import { open, rm } from 'node:fs/promises';
import { systemCode, TamperError } from '../../errors.ts';
import { isThere, type NamedFile, placeOutside } from '../output-file.ts';

const alreadyExists = (path: string, cause?: unknown): TamperError =>
  new TamperError('WRITE_FAILED', `${path} already exists`, {
    cause,
    hint: 'Evidence is never overwritten: choose another name.',
  });

/**
 * Refuses a place where {@link writeNewFile} could not write, before a key is asked to sign. `verified`: the file would be read as
 * part of these.
 *
 * @throws {@link TamperError} `USAGE`, `READ_FAILED`; `WRITE_FAILED` where something is there
 */
export async function checkNewFile({ kind, path }: NamedFile, verified: readonly string[] = []): Promise<void> {
  if (path === '' || path === '-') {
    const { flag } = kind;
    throw new TamperError('USAGE', `${flag} takes the name of a file, not ${JSON.stringify(path)}`, {
      hint: flag === '--out' ? 'Leave --out away for standard output.' : `Name a file for the ${kind.what}.`,
    });
  }
  if (await isThere(await placeOutside(kind, path, verified))) throw alreadyExists(path);
}

/**
 * Writes a file that is not there yet; evidence is never overwritten, and never left half written.
 *
 * @throws {@link TamperError} `WRITE_FAILED`, with the path
 */
export async function writeNewFile(path: string, content: string | Uint8Array): Promise<void> {
  let made = false;
  try {
    const file = await open(path, 'wx', 0o644);
    made = true;
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (made) await rm(path, { force: true });
    const code = systemCode(cause);
    if (code === '') throw cause;
    if (code === 'EEXIST') throw alreadyExists(path, cause);
    throw new TamperError('WRITE_FAILED', `${path} cannot be written (${code})`, {
      cause,
      hint: 'Check the directory, and that you may write there.',
    });
  }
}
