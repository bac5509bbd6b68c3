import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';

/** A path without symbolic links, also of a folder that is not there yet. @throws {@link TamperError} `READ_FAILED` */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' && dirname(path) !== path) return join(await realPathOf(dirname(path)), basename(path));
    if (code === '') throw cause;
    throw new TamperError('READ_FAILED', `the directory ${path} cannot be inspected (${code})`, {
      cause,
      hint: 'Name a directory to write to, which this user may write to.',
    });
  }
}
