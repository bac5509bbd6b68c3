import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { syncDirectoryLater } from '../foundation/durable-replace.ts';

/** A file that is not there yet. */
export interface NewFile {
  readonly path: string;
  readonly mode: number;
  /** Overwritten afterwards. */
  readonly bytes: Buffer;
}

/**
 * Creates all files or none, durably. Neither a file nor a link that has one of the names is touched.
 *
 * @throws {@link TamperError} `WRITE_FAILED`
 */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const made: string[] = [];
  let current = '';
  try {
    for (const { path, mode, bytes } of files) {
      current = path;
      const handle = await open(path, 'wx', mode);
      made.push(path);
      await writeDurably(handle, bytes);
    }
    await syncDirectoryLater(dirname(current));
  } catch (cause) {
    for (const path of made) await unlink(path);
    throw writeFailed(current, cause);
  } finally {
    for (const { bytes } of files) bytes.fill(0);
  }
}

async function writeDurably(handle: FileHandle, bytes: Buffer): Promise<void> {
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Why a key file could not be made. */
export function writeFailed(path: string, cause: unknown): TamperError {
  const code = systemCode(cause) || 'unknown';
  return code === 'EEXIST'
    ? new TamperError('WRITE_FAILED', `${path} already exists, and keys are never overwritten`, {
        cause,
        hint: 'Choose another name',
      })
    : new TamperError('WRITE_FAILED', `cannot write the key file ${path}: ${code}`, {
        cause,
        hint: 'Check the directory and who may write there',
      });
}
