import { open, rm } from 'node:fs/promises';
import { systemCode, TamperError } from '../../errors.ts';

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
    const exists = code === 'EEXIST';
    throw new TamperError('WRITE_FAILED', `${path} ${exists ? 'already exists' : `cannot be written (${code})`}`, {
      cause,
      hint: exists
        ? 'Evidence is never overwritten: choose another name.'
        : 'Check the directory, and that you may write there.',
    });
  }
}
