import { stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { systemCode } from '../../errors.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { manifestsOf } from '../../foundation/log-file-names.ts';
import { readError } from '../../foundation/regular-file.ts';
import { type FoundFile, findFiles } from '../../verify/found/found-files.ts';
import { lookAtFile } from '../../verify/found/open-logs.ts';
import type { Peek, Wanted } from '../../verify/input/peek.ts';
import { IgnoredFiles, type IgnoredWhy } from '../../verify/verdict/ignored-files.ts';
import { type LogPlace, type PlacedFile, type PlacedManifest, type PlacedReading, withOwner } from './log-place.ts';
import { FilesRead, standing } from './standing.ts';

/** A directory, or one file. */
export class DirectoryPlace implements LogPlace {
  readonly name: string;
  readonly #root: string;
  readonly #maxBytes: number;

  /** `maxBytes`: a compressed file may expand to so many. */
  constructor(name: string, maxBytes: number) {
    this.name = name;
    this.#root = resolve(name);
    this.#maxBytes = maxBytes;
  }

  holds(name: string): boolean {
    if (resolve(name) !== name) return false;
    return name === this.#root || name.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep);
  }

  async *list(ignored: IgnoredFiles): AsyncGenerator<PlacedFile> {
    yield* this.#listed([this.#root], ignored, false);
  }

  async *listBeside(names: readonly string[]): AsyncGenerator<PlacedFile> {
    const folders = names.filter((name) => name !== this.#root).map((name) => dirname(name));
    const given = names.filter((name) => name === this.#root);
    yield* this.#listed([...new Set([...given, ...folders])], new IgnoredFiles(), true);
  }

  async now(file: PlacedFile): Promise<PlacedFile | undefined> {
    const standing = await standingAt(file.name);
    return standing && { ...file, ...standing };
  }

  async peek(file: PlacedFile, wanted: Wanted): Promise<Peek | IgnoredWhy | undefined> {
    const { name } = file;
    const found: FoundFile = { path: name, stray: this.#isStray(file), listed: name !== this.#root };
    try {
      const { log, identity } = await lookAtFile(found, { maxBytes: this.#maxBytes }, wanted);
      if (!file.version.startsWith(identity)) return undefined;
      return typeof log === 'string' ? log : await withOwner(log);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw readError(name, error, 'Check that you may read it.');
    }
  }

  toVerify(files: readonly PlacedFile[]): PlacedReading {
    const read = new FilesRead();
    return { paths: files.map(({ name }) => name), onRead: read.onRead, asRead: (file) => read.asRead(file) };
  }

  #isStray({ name, manifest }: PlacedFile): boolean {
    return name !== this.#root && manifest === undefined;
  }

  async *#listed(paths: readonly string[], ignored: IgnoredFiles, again: boolean): AsyncGenerator<PlacedFile> {
    for await (const { path, stray, listed, unreadable } of findFiles(paths, ignored, again)) {
      if (unreadable?.code === 'NOT_FOUND') throw unreadable;
      if (unreadable !== undefined) {
        yield { name: path, size: 0, version: 'unreadable' }; // looking into it says why
        continue;
      }
      const file = await standingAt(path);
      if (file === undefined) continue; // renamed or deleted since: its new name shows up, or it is missed
      const manifest = listed && stray ? undefined : await manifestBeside(path);
      yield { ...file, ...(manifest !== undefined && { manifest }) };
    }
  }
}

async function manifestBeside(path: string): Promise<PlacedManifest | undefined> {
  for (const name of manifestsOf(path)) {
    const found = await standingAt(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What stands there now. */
async function standingAt(path: string): Promise<PlacedManifest | undefined> {
  try {
    return standing(path, await stat(path, { bigint: true }));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw readError(path, error, 'Check that you may read it.');
  }
}
