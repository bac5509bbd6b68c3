import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemCode, TamperError } from '../errors.ts';
import { causeAbout, readsLikeKey, shown } from '../foundation/key-like.ts';
import { checkKeyDirectory } from '../foundation/secret-file.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { DataKeyName, NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../verify/data-keys/recovered-data-keys.ts';

/** Data keys that lie on the auditor's own machine, with the provider that reads them. Whoever made them closes it. */
export type LocalDataKeys = NamedDataKeys & { readonly keys: KeyProvider };

/** What lies at the paths that an auditor named for data keys. Whoever opened them closes them. */
export interface KeyPaths {
  readonly local: readonly LocalDataKeys[];
  readonly recovered: readonly RecoveredDataKey[];
  /** Erases and closes all of them. */
  readonly close: () => Promise<void>;
}

/**
 * The data keys at some paths: a key file, a directory of `NAME.key` files, or a file of recovered data keys.
 *
 * @param givenBy - where the auditor named a path, for the report
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`, `KEY_WRONG_USAGE`; `KEY_MALFORMED`, `KEY_FILE_PERMISSIONS` and
 *   `ACCESS_DENIED` for a file of recovered keys, which is read at once
 */
export async function dataKeysOfPaths(paths: readonly string[], givenBy: (path: string) => string): Promise<KeyPaths> {
  const { keyFileKindAt, readRecoveredKeys } = await import('./recovery/recovered-key-file.ts');
  const local: LocalDataKeys[] = [];
  const recovered: RecoveredDataKey[] = [];
  const close = async (): Promise<void> => {
    for (const { material } of recovered) material.fill(0);
    for (const { keys } of local) await keys.close();
  };
  try {
    for (const path of paths) {
      const kind = await keyFileKindAt(path);
      if (kind === 'public key' || kind === 'private key') throw noDataKey(path, kind);
      if (kind === 'recovered data keys') recovered.push(...(await readRecoveredKeys(path, givenBy(path))));
      else local.push(await dataKeysOfFile(path, givenBy(path)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { local, recovered, close };
}

function noDataKey(path: string, kind: 'public key' | 'private key'): TamperError {
  return new TamperError('KEY_WRONG_USAGE', `${path} holds a ${kind}, not a data key`, {
    hint:
      kind === 'public key'
        ? 'Give it as a public key: --public-key on the command line, publicKeyFiles in code.'
        : 'An auditor needs only its public half, as a public key (--public-key, publicKeyFiles): keygen wrote it to NAME.pub.',
  });
}

/**
 * The data key of a file, or those of a directory of `NAME.key` files.
 *
 * @param givenBy - where the auditor named it, for the report: `--keys audit.key`
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`, `KEY_FILE_PERMISSIONS`
 */
async function dataKeysOfFile(path: string, givenBy: string): Promise<LocalDataKeys> {
  const { FileKeyProvider } = await import('../providers/file.ts');
  const { directory, named } = await localKeyNames(path);
  const [first] = named;
  const dataKeys = directory || first === undefined ? { path } : { path, keyId: first.name };
  return { source: 'file', keys: new FileKeyProvider({ dataKeys }), named, givenBy };
}

/** The variable that `VARIABLE` or `NAME=VARIABLE` means. */
export function variableOf(given: string): string {
  return given.slice(given.lastIndexOf('=') + 1);
}

/**
 * The data key of an environment variable: `VARIABLE`, or `NAME=VARIABLE` to give the key a name.
 *
 * @param place - what it was given to, for messages: `--key-env`
 * @throws {@link TamperError} `USAGE` where the key itself was given
 */
export async function dataKeyOfVariable(
  given: string,
  env: Readonly<Record<string, string | undefined>>,
  place: string,
): Promise<LocalDataKeys> {
  const { EnvKeyProvider } = await import('../providers/env.ts');
  const variable = variableOf(given);
  if (readsLikeKey(given))
    throw new TamperError('USAGE', `${place} was given what looks like a key`, {
      hint: 'Give the name of the environment variable that holds it, and assume that anyone who saw this command knows the key.',
    });
  if (variable === '') {
    throw new TamperError('USAGE', `${place} does not name an environment variable`, {
      hint: 'Give VARIABLE, or NAME=VARIABLE to give the key a name.',
    });
  }
  const name = given === variable ? variable : given.slice(0, -variable.length - 1);
  const keys = new EnvKeyProvider({ dataKeys: { [name]: variable }, env });
  return { source: 'env', keys, named: [{ name }], givenBy: `${place} ${variable}` };
}

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
async function localKeyNames(path: string): Promise<LocalKeyNames> {
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
