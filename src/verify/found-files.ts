import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemCode, TamperError } from '../errors.ts';
import { readError } from './regular-file.ts';

/** The files behind paths: a directory stands for every file below it. */

/** So many files one run takes, directories counted too: their names are held in memory. */
const MAX_FILES = 250_000;
/** So many names of what was left out are kept; more are counted. */
const KEPT_NAMES = 100;

/** So often a name that was given is looked for, so far apart in milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 10;

/** Names that hold no sealed lines: ours beside the log. */
const BESIDE = /\.(manifest\.json|chainstate|lock|tmp)$|\.torn-/;
const MANIFEST = /(\.gz)?\.manifest\.json$/;

/** A file behind a path that somebody gave. */
export interface FoundFile {
  readonly path: string;
  /** Whether nothing but being in a directory speaks for it: it was not named, and no manifest of it stands beside it. */
  readonly stray: boolean;
  /** Whether it was found in a directory. */
  readonly listed: boolean;
}

/** Why a file in a directory was left out. */
export type IgnoredWhy = 'nothing sealed' | 'empty' | 'symbolic link' | 'not a regular file';

/** A file that stands in a directory and was left out. */
export interface IgnoredFile {
  readonly file: string;
  readonly why: IgnoredWhy;
}

/** What was left out: the first hundred names, and how many more there are. */
export interface IgnoredReport {
  readonly files: readonly IgnoredFile[];
  readonly more: number;
}

/** What is left out while files are looked for. Bounded. */
export class IgnoredFiles {
  readonly #files: IgnoredFile[] = [];
  #count = 0;

  clear(): void {
    this.#files.length = 0;
    this.#count = 0;
  }

  add(file: string, why: IgnoredWhy): void {
    this.#count++;
    if (this.#files.length < KEPT_NAMES) this.#files.push({ file, why });
  }

  get report(): IgnoredReport {
    return { files: this.#files, more: this.#count - this.#files.length };
  }
}

/**
 * Every file behind the paths, each once: of a directory the files below it at any depth, in the order of their names. Hidden
 * names and our own files beside a log are passed over; symbolic links in a directory are not followed, so that no cycle and
 * nothing outside of it is read. `again`: what was there once may be gone by now.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT` above 250,000 files
 */
export async function findFiles(paths: readonly string[], ignored: IgnoredFiles, again = false): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>();
  const room = { left: MAX_FILES };
  for (const path of paths) {
    if (!(await isDirectory(path, again))) {
      found.set(path, { path, stray: false, listed: false });
      continue;
    }
    // a stack, the next name on top: the depth of a tree is its maker's choice
    const waiting: { readonly path: string; readonly directory: boolean; readonly stray: boolean }[] = [];
    waiting.push({ path, directory: true, stray: true });
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!next.directory) {
        if (!found.has(next.path)) found.set(next.path, { path: next.path, stray: next.stray, listed: true });
        continue;
      }
      const entries = await entriesOf(next.path, room, again || next.path !== path);
      const manifests = new Set(entries.map(({ name }) => name).filter((name) => MANIFEST.test(name)));
      for (const entry of entries.filter(({ name }) => !BESIDE.test(name)).reverse()) {
        const own = join(next.path, entry.name);
        if (entry.isDirectory()) waiting.push({ path: own, directory: true, stray: true });
        else if (entry.isFile()) waiting.push({ path: own, directory: false, stray: !hasManifest(entry, manifests) });
        else ignored.add(own, entry.isSymbolicLink() ? 'symbolic link' : 'not a regular file');
      }
    }
  }
  return [...found.values()];
}

function hasManifest({ name }: Dirent, manifests: ReadonlySet<string>): boolean {
  return manifests.has(`${name}.manifest.json`) || manifests.has(`${name.replace(/\.gz$/, '')}.manifest.json`);
}

/** What is gone, and may be, is no directory. */
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
    throw readError(path, error, 'Check the path, and that you may read it; a directory takes every file below it.');
  }
}

/** A directory that is gone, and may be, has none. */
async function entriesOf(path: string, room: { left: number }, mayBeGone: boolean): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(path, { bufferSize: 1024 })) {
      if (entry.name.startsWith('.')) continue;
      if (room.left-- <= 0) {
        throw new TamperError('FORMAT_LIMIT', `more than ${MAX_FILES} files stand below the paths, at ${path}`, {
          hint: 'Name the directories below it one after another.',
        });
      }
      entries.push(entry);
    }
  } catch (error) {
    if (mayBeGone && systemCode(error) === 'ENOENT') return [];
    throw readError(path, error, 'Check that you may read it, or name the files beside it.');
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
