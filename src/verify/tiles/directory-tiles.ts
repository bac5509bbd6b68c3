import { lstatSync, rmSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { digestText, sha256 } from '../../core/hash.ts';
import { systemCode, TamperError } from '../../errors.ts';
import { createDirectory } from '../../foundation/directory.ts';
import { replaceFile, syncDirectoryLater } from '../../foundation/durable-replace.ts';
import { numbersOf, openStated, readError } from '../../foundation/regular-file.ts';
import type { ObjectStorage, StoredBytes, StoredObject } from '../../storage/object-storage.ts';
import { KnownLock } from '../auditor/known-lock.ts';

/** Where tiles go: a directory, or a folder of a bucket, to which keys are relative. */
export interface TileDestination extends Pick<ObjectStorage, 'name' | 'get' | 'put' | 'close'> {
  /** All files below `tile/`; in a directory also one in its place. */
  tiles(): AsyncIterable<Pick<StoredObject, 'key' | 'size'>>;
}

const HINT = 'Name a directory for the tiles that this user may read and write, and that has room.';
const versionOf = (bytes: Uint8Array): string => digestText(sha256(bytes));

/**
 * A directory that behaves as a bucket: a version is a hash of the content, and from the listing on a lock keeps others from
 * writing. What {@link DirectoryTiles.put} returned for is on the disk. No link below it is followed.
 */
export class DirectoryTiles implements TileDestination {
  readonly name: string;
  readonly #path: string;
  /** A file is written here, and gets its name when it is whole. */
  readonly #unfinished: string;
  readonly #folders = new Set<string>();
  #lock: KnownLock | undefined;
  #files = 0;

  constructor(path: string) {
    this.name = path;
    this.#path = resolve(path);
    this.#unfinished = join(this.#path, '.unfinished');
  }

  /** @throws {@link TamperError} `READ_FAILED`, `WRITE_FAILED`, `LOCKED` */
  async *tiles(): AsyncGenerator<Pick<StoredObject, 'key' | 'size'>> {
    const checkpoint = join(this.#path, 'checkpoint');
    await this.#writing(this.#path, async () => this.#prepare(this.#path));
    this.#lock = await this.#writing(`${checkpoint}.lock`, async () =>
      KnownLock.take(checkpoint, { what: 'directory of tiles', waitMs: 60_000 }),
    );
    await this.#writing(this.#unfinished, async () => {
      this.#lock?.removeLeftovers();
      await rm(this.#unfinished, { recursive: true, force: true }); // what a kill left
      await this.#prepare(this.#unfinished);
    });
    yield* this.#below('tile');
  }

  /** @throws {@link TamperError} `READ_FAILED` */
  async get(key: string, limit: number): Promise<StoredBytes | undefined> {
    const path = join(this.#path, key);
    try {
      if ((await lstat(path)).isSymbolicLink()) throw linked(path);
      const { file, stats } = await openStated(path);
      try {
        const { size } = numbersOf(stats);
        if (size > limit) throw new TamperError('READ_FAILED', `${path} has ${size} bytes, which is too long`);
        const bytes = await file.readFile();
        return { bytes, version: versionOf(bytes) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw readError(path, error, HINT);
    }
  }

  /** @throws {@link TamperError} `READ_FAILED`, `WRITE_FAILED`, `LOCKED` */
  async put(key: string, bytes: Uint8Array, ifVersion: string | undefined): Promise<string | undefined> {
    const path = join(this.#path, key);
    return this.#writing(path, async () => {
      this.#lock?.assertHeld();
      if ((await this.get(key, Number.MAX_SAFE_INTEGER))?.version !== ifVersion) return undefined;
      await this.#prepare(dirname(path));
      const temporary = join(this.#unfinished, String(this.#files++));
      await replaceFile({ path, temporary, mode: 0o644 }, (file) => file.writeFile(bytes));
      return versionOf(bytes);
    });
  }

  /** @throws {@link TamperError} `WRITE_FAILED` */
  close(): void {
    if (this.#lock === undefined) return;
    try {
      rmSync(this.#unfinished, { recursive: true, force: true });
    } catch (error) {
      throw writeError(this.#unfinished, error);
    } finally {
      this.#lock.release();
    }
  }

  async *#below(key: string): AsyncGenerator<Pick<StoredObject, 'key' | 'size'>> {
    const path = join(this.#path, key);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (stats.isSymbolicLink()) throw linked(path);
    if (!stats.isDirectory()) {
      yield { key, size: stats.size };
      return;
    }
    for (const name of await readdir(path)) yield* this.#below(`${key}/${name}`);
  }

  async #writing<R>(path: string, write: () => Promise<R>): Promise<R> {
    try {
      return await write();
    } catch (error) {
      throw writeError(path, error);
    }
  }

  /** Makes a folder, its name and those on the way to it on the disk. */
  async #prepare(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    createDirectory(folder, 0o755);
    for (let at = folder; at.startsWith(this.#path) && at !== dirname(at); at = dirname(at))
      await syncDirectoryLater(dirname(at));
    this.#folders.add(folder);
  }
}

function writeError(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === '') return cause;
  return new TamperError('WRITE_FAILED', `${path} cannot be written (${code})`, { cause, hint: HINT });
}

function linked(path: string): TamperError {
  return new TamperError('READ_FAILED', `${path} is a symbolic link`, {
    hint: 'Name the directory itself: links below it are not followed.',
  });
}
