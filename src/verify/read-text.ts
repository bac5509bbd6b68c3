import { readFile } from 'node:fs/promises';
import { TamperError } from '../errors.ts';

/**
 * The text of a file that somebody named.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, with the path
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    throw new TamperError(code === 'ENOENT' ? 'NOT_FOUND' : 'READ_FAILED', `${path} cannot be read (${code})`, {
      cause: error,
      hint: 'Check the path, and that you may read it.',
    });
  }
}
