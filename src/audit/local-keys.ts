import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { causeAbout, shown } from '../foundation/key-like.ts';
import { checkKeyDirectory } from '../foundation/secret-file.ts';
import type { DataKeyName } from '../verify/data-keys/named-data-keys.ts';

const KEY_FILE = '.key';

/** The local keys at a path. */
export interface LocalKeyNames {
  readonly directory: boolean;
  readonly named: readonly DataKeyName[];
}

/**
 * The names of the local keys at a path: a file is one key, a directory holds one in each `NAME.key`.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`; `KEY_FILE_PERMISSIONS` where others may write to the
 *   directory, or own it: a key that somebody put there would count as the auditor's own
 */
export async function localKeyNames(path: string): Promise<LocalKeyNames> {
  try {
    const stats = await stat(path);
    if (!stats.isDirectory()) return { directory: false, named: [{ name: basename(path, KEY_FILE) }] };
    checkKeyDirectory(path, stats);
    const names = (await readdir(path)).filter((name) => name.endsWith(KEY_FILE)).sort();
    if (names.length > 0) return { directory: true, named: names.map((name) => ({ name: basename(name, KEY_FILE) })) };
  } catch (error) {
    const code = systemCode(error);
    if (code === '') throw error;
    throw new TamperError(code === 'ENOENT' ? 'NOT_FOUND' : 'READ_FAILED', `${shown(path)} cannot be read (${code})`, {
      ...causeAbout(path, error),
      hint: 'Name a key file, or a directory of NAME.key files.',
    });
  }
  throw new TamperError('KEY_NOT_FOUND', `the directory ${path} contains no NAME.key files`);
}
