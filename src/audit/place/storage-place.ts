import { posix } from 'node:path';
import { isTamperError } from '../../errors.ts';
import { MANIFEST_LIMIT } from '../../format/manifest-reading.ts';
import { Replaced } from '../../foundation/file-identity.ts';
import { isBeside, isManifest, isTornEnd, manifestsAlone, manifestsOf } from '../../foundation/log-file-names.ts';
import { listLogs } from '../../storage/list-logs.ts';
import type { ObjectStorage, StoredObject } from '../../storage/object-storage.ts';
import { readRange, UnreadableObject } from '../../storage/read-range.ts';
import { type ListedObject, objectName } from '../../storage/stored-logs.ts';
import { judge } from '../../verify/found/judge.ts';
import type { Peek, Wanted } from '../../verify/input/peek.ts';
import { lookAtObject, storedSource } from '../../verify/input/stored-source.ts';
import type { IgnoredFiles, IgnoredWhy } from '../../verify/verdict/ignored-files.ts';
import { type LogPlace, type PlacedFile, type PlacedManifest, type PlacedReading, withOwner } from './log-place.ts';

/** A version, and when that was written. */
const WRITTEN = /^(.+) (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)$/;

/** The objects below a prefix of a bucket, or the one object of that name. */
export class StoragePlace implements LogPlace {
  readonly name: string;
  readonly #storage: ObjectStorage;
  readonly #prefix: string;
  readonly #maxBytes: number;

  /** `maxBytes`: a compressed object may expand to so many. */
  constructor(storage: ObjectStorage, prefix: string, maxBytes: number) {
    this.name = prefix === '' ? storage.name : `${storage.name}/${prefix}`;
    this.#storage = storage;
    this.#prefix = prefix.replace(/\/$/, '');
    this.#maxBytes = maxBytes;
  }

  holds(name: string): boolean {
    const root = this.#prefix === '' ? this.#storage.name : `${this.#storage.name}/${this.#prefix}`;
    return name === root || name.startsWith(`${root}/`);
  }

  async *list(ignored: IgnoredFiles): AsyncGenerator<PlacedFile> {
    yield* this.#placed(await this.#listed(this.#prefix, ignored), ignored);
  }

  async *listBeside(names: readonly string[]): AsyncGenerator<PlacedFile> {
    const folders = new Set(names.map((name) => posix.dirname(this.#keyOf(name))));
    const seen = new Set<string>();
    for (const folder of folders) {
      const prefix = folder === '.' ? '' : folder;
      const inside = this.holds(`${this.#storage.name}/${prefix}`) ? prefix : this.#prefix;
      if (seen.has(inside)) continue;
      seen.add(inside);
      yield* this.#placed(await this.#listed(inside));
    }
  }

  async now(file: PlacedFile): Promise<PlacedFile | undefined> {
    const key = this.#keyOf(file.name);
    for await (const page of this.#storage.list(key)) {
      // the first in the order of bytes is the object of this very name, if there is one
      const [first] = page;
      if (first !== undefined) return first.key === key ? { ...file, ...this.#nameOf(first) } : undefined;
    }
    return undefined;
  }

  async peek(file: PlacedFile, wanted: Wanted): Promise<Peek | IgnoredWhy | undefined> {
    const object = this.#objectOf(file);
    const stray = file.manifest === undefined && object.key !== this.#prefix;
    try {
      const head = await lookAtObject(this.#storage, object);
      const manifest = async (): Promise<Buffer | undefined> =>
        file.manifest && readRange(this.#storage, this.#objectOf(file.manifest), 0, MANIFEST_LIMIT + 1);
      const place = { storage: this.#storage, object, manifest, kept: head.whole };
      const source = storedSource(place, head, { maxBytes: this.#maxBytes });
      const log = await judge(source, { stray, listed: false }, head, wanted);
      return typeof log === 'string' ? log : await withOwner(log);
    } catch (error) {
      if (error instanceof Replaced) return undefined;
      throw error instanceof UnreadableObject ? error.failure : error;
    }
  }

  toVerify(files: readonly PlacedFile[]): PlacedReading {
    const objects = files.flatMap((file): ListedObject[] => {
      const own = { ...this.#objectOf(file), named: file.manifest !== undefined };
      return file.manifest === undefined
        ? [{ ...own, named: true }]
        : [own, { ...this.#objectOf(file.manifest), named: false }];
    });
    return { paths: [], stored: [{ storage: this.#storage, list: async () => objects }], asRead: (file) => file };
  }

  /** An empty place is one where everything has vanished; a bucket that is not there is a wrong name. */
  async #listed(prefix: string, ignored?: IgnoredFiles): Promise<readonly ListedObject[]> {
    try {
      const onHidden = (object: StoredObject): void => ignored?.add(objectName(this.#storage, object), 'hidden name');
      return await listLogs(this.#storage, prefix, onHidden);
    } catch (error) {
      if (!isTamperError(error, 'NOT_FOUND')) throw error;
      for await (const _ of this.#storage.list(prefix)) break;
      return [];
    }
  }

  *#placed(objects: readonly ListedObject[], ignored?: IgnoredFiles): Generator<PlacedFile> {
    const manifests = new Map<string, PlacedManifest>();
    for (const object of objects) if (isManifest(object.key)) manifests.set(object.key, this.#nameOf(object));
    const alone = manifestsAlone(objects.map(({ key }) => key));
    for (const object of objects) {
      const { key, named } = object;
      if (!named && isBeside(key) && !alone.has(key)) {
        if (isTornEnd(key)) ignored?.add(objectName(this.#storage, object), 'beside a log');
        continue;
      }
      const manifest = manifestsOf(key).flatMap((beside) => manifests.get(beside) ?? [])[0];
      yield { ...this.#nameOf(object), ...(manifest !== undefined && { manifest }) };
    }
  }

  #nameOf(object: StoredObject): PlacedManifest {
    const { size, version, written } = object;
    const name = objectName(this.#storage, object);
    return { name, size, version: written === undefined ? version : `${version} ${written}` };
  }

  #keyOf(name: string): string {
    return name.slice(this.#storage.name.length + 1);
  }

  #objectOf({ name, size, version: placed }: PlacedManifest): StoredObject {
    const key = this.#keyOf(name);
    const [, version, written] = WRITTEN.exec(placed) ?? [];
    return version === undefined || written === undefined
      ? { key, size, version: placed }
      : { key, size, version, written };
  }
}
