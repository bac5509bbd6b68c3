import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import {
  isBeside,
  isBesideOneOf,
  isManifest,
  isTornEnd,
  manifestsAlone,
  manifestsOf,
} from '../../foundation/log-file-names.ts';
import { isUnreadable, readError } from '../../foundation/regular-file.ts';
import type { IgnoredFiles, IgnoredWhy } from '../verdict/ignored-files.ts';

/** The files behind paths: a directory stands for every file below it. */

/** So many files one run takes, directories counted too: their names are held in memory. */
const MAX_FILES = 250_000;

/** So often a name that was given is looked for, so far apart in milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 10;

/** A file behind a path that somebody gave. */
export interface FoundFile {
  readonly path: string;
  /** Whether nothing but being in a directory speaks for it: it was not named, and no manifest of it stands beside it. */
  readonly stray: boolean;
  /** Whether it was found in a directory. */
  readonly listed: boolean;
  /** Why nobody can tell what is in it, or what it is. */
  readonly unreadable?: TamperError;
}

/**
 * Every file behind the paths, each once: of a directory the files below it at any depth, in the order of their names, and the
 * manifests whose files are not there. Manifests and locks beside a log and hidden directories are passed over; hidden files
 * and what a start took out of a log are left out and listed. Symbolic links in a directory are not followed, so that no cycle and
 * nothing outside of it is read. `again`: what was there once may be gone by now.
 *
 * @throws {@link TamperError} `READ_FAILED`, `FORMAT_LIMIT` above 250,000 files
 */
export async function* findFiles(
  paths: readonly string[],
  ignored: IgnoredFiles,
  again = false,
): AsyncGenerator<FoundFile, void> {
  const found = paths.length > 1 ? new Set<string>() : undefined; // one path leads to each file once
  const room = { left: MAX_FILES };
  const directories: string[] = [];
  const named = new Set(paths);
  for (const path of named) {
    try {
      if (await isDirectory(path, again)) {
        directories.push(path);
        continue;
      }
    } catch (error) {
      yield isTamperError(error, 'NOT_FOUND')
        ? { path, stray: false, listed: false, unreadable: error }
        : unreadable(path, error, false);
      continue;
    }
    if (isBesideOneOf(path, named)) {
      ignored.add(path, 'beside a log');
      continue;
    }
    found?.add(path); // what was named is never stray, also where its directory was named
    yield { path, stray: false, listed: false };
  }
  for (const directory of directories) {
    let top: Level;
    try {
      top = await levelOf(directory, room, again);
    } catch (error) {
      yield unreadable(directory, error, false);
      continue;
    }
    for await (const file of filesBelow(top, ignored, room)) {
      if (found?.has(file.path)) continue;
      found?.add(file.path);
      yield file;
    }
  }
}

/** What cannot be read is one file of which nothing is known; every other error is thrown. */
function unreadable(path: string, error: unknown, listed: boolean): FoundFile {
  if (!isTamperError(error, 'READ_FAILED') || !isUnreadable(error.cause)) throw error;
  return { path, stray: listed, listed, unreadable: error };
}

async function* filesBelow(top: Level, ignored: IgnoredFiles, room: { left: number }): AsyncGenerator<FoundFile, void> {
  const levels = [top]; // a stack: the depth of a tree is its maker's choice
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const own = join(level.path, name);
    const kind = level.others.get(name);
    if (kind === 'directory') {
      try {
        levels.push(await levelOf(own, room, true));
      } catch (error) {
        yield unreadable(own, error, true);
      }
    } else if (kind !== undefined) ignored.add(own, kind);
    else yield { path: own, stray: !manifestsOf(name).some((own) => level.manifests.has(own)), listed: true };
  }
}

/** A directory that is gone through. It may hold very many files: nothing more than their names is kept. */
interface Level {
  readonly path: string;
  /** In their order. */
  readonly names: readonly string[];
  /** What is not a regular file. */
  readonly others: ReadonlyMap<string, 'directory' | IgnoredWhy>;
  /** The names of the manifests in it. */
  readonly manifests: ReadonlySet<string>;
  next: number;
}

/** What is gone, and may be, is not a directory. */
async function isDirectory(path: string, mayBeGone: boolean, attempt = 1): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (mayBeGone && systemCode(error) === 'ENOENT') return false;
    // between a file's new name and the next file nothing has the name
    if (systemCode(error) === 'ENOENT' && attempt < ATTEMPTS) {
      await setTimeout(PAUSE_MS);
      return isDirectory(path, mayBeGone, attempt + 1);
    }
    throw readError(
      path,
      error,
      'Check the path, and that you may read it; a directory stands for every file below it.',
    );
  }
}

/** Opens a directory. One that is gone, and may be, has nothing in it. */
async function levelOf(path: string, room: { left: number }, mayBeGone: boolean): Promise<Level> {
  const names: string[] = [];
  const others = new Map<string, 'directory' | IgnoredWhy>();
  const manifests = new Set<string>();
  try {
    for await (const entry of await opendir(path, { bufferSize: 1024 })) {
      const { name } = entry;
      const isHidden = name.startsWith('.');
      if (isHidden && entry.isDirectory()) continue;
      if (room.left-- <= 0) {
        throw new TamperError('FORMAT_LIMIT', `there are more than ${MAX_FILES} files below the paths, at ${path}`, {
          hint: 'Verify the directories below it one at a time.',
        });
      }
      if (isManifest(name)) manifests.add(name);
      if (entry.isDirectory() || !isBeside(name) || isTornEnd(name)) names.push(name);
      if (isHidden) others.set(name, 'hidden name');
      else if (entry.isDirectory()) others.set(name, 'directory');
      else if (isTornEnd(name)) others.set(name, 'beside a log');
      else if (!entry.isFile()) others.set(name, entry.isSymbolicLink() ? 'symbolic link' : 'not a regular file');
    }
  } catch (error) {
    if (!mayBeGone || systemCode(error) !== 'ENOENT')
      throw readError(path, error, 'Check that you may read it, or name the files beside it.');
    names.length = 0;
  }
  if (manifests.size > 0) names.push(...manifestsAlone([...names, ...manifests]));
  return { path, names: names.sort(), others, manifests, next: 0 };
}
