import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { digestText, sha256 } from '../../core/hash.ts';
import { systemCode, TamperError } from '../../errors.ts';
import { createDirectory } from '../../foundation/directory.ts';
import { replaceFile, syncDirectoryLater } from '../../foundation/durable-replace.ts';
import { numbersOf, openStated, readError } from '../../foundation/regular-file.ts';
import type { ObjectStorage, StoredBytes } from '../../storage/object-storage.ts';
import { KnownLock } from '../auditor/known-lock.ts';

/** Where tiles go: a directory, or a folder of a bucket, to which keys are relative. */
export type TileDestination = Pick<ObjectStorage, 'name' | 'get' | 'put' | 'close'>;

const HINT = 'Name a directory for the tiles that this user may read and write, and that has room.';
const versionOf = (bytes: Uint8Array): string => digestText(sha256(bytes));

/**
 * A directory that behaves as a bucket: a version is a hash of the content, and from the first write on a lock keeps others from
 * writing. What {@link DirectoryTiles.put} returned for is on the disk.
 */
export class DirectoryTiles implements TileDestination {
  readonly name: string;
  readonly #path: string;
  /** A file is written here, and gets its name when it is whole. */
  readonly #unfinished: string;
  readonly #folders = new Set<string>();
  #lock: KnownLock | undefined;
  #locked: Promise<void> | undefined;
  #files = 0;

  constructor(path: string) {
    this.name = path;
    this.#path = resolve(path);
    this.#unfinished = join(this.#path, '.unfinished');
  }

  /** @throws {@link TamperError} `READ_FAILED` */
  async get(key: string, limit: number): Promise<StoredBytes | undefined> {
    const path = join(this.#path, key);
    try {
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
    try {
      this.#locked ??= this.#begin();
      await this.#locked;
      this.#lock?.assertHeld();
      if ((await this.get(key, Number.MAX_SAFE_INTEGER))?.version !== ifVersion) return undefined;
      await this.#prepare(dirname(path));
      const temporary = join(this.#unfinished, String(this.#files++));
      await replaceFile({ path, temporary, mode: 0o644 }, (file) => file.writeFile(bytes));
      return versionOf(bytes);
    } catch (cause) {
      const code = systemCode(cause);
      if (code === '') throw cause;
      throw new TamperError('WRITE_FAILED', `${this.name} cannot be written to (${code})`, { cause, hint: HINT });
    }
  }

  close(): void {
    this.#lock?.release();
  }

  async #begin(): Promise<void> {
    await this.#prepare(this.#unfinished);
    this.#lock = await KnownLock.take(join(this.#path, 'checkpoint'), { what: 'directory of tiles', waitMs: 60_000 });
    await rm(this.#unfinished, { recursive: true }); // what a kill left
    createDirectory(this.#unfinished, 0o755);
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
