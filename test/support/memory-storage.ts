import { TamperError } from '../../src/errors.ts';
import { throwIfAborted } from '../../src/foundation/deadline.ts';
import { Replaced } from '../../src/foundation/file-identity.ts';
import type { ObjectStorage, StoredBytes, StoredObject } from '../../src/storage/object-storage.ts';

/** One request to a {@link MemoryStorage}. A page of a listing is one. */
export interface StorageRequest {
  readonly method: 'list' | 'read' | 'get' | 'put';
  /** The key, or the prefix of a listing. */
  readonly key: string;
}

interface Content {
  readonly bytes: Buffer;
  readonly version: string;
}

/** What several clients see. */
class Objects extends Map<string, Content> {
  versions = 0;
}

/**
 * An object store in memory, which behaves as the real ones (`test/integration/storage/conformance.ts` holds it to that).
 *
 *     const store = new MemoryStorage();
 *     store.set('logs/a.jsonl', text);
 *     store.before = ({ method }) => method === 'read' && store.set('logs/a.jsonl', other);   // replaced after the listing
 *     …  store.count('list');  store.requests;
 */
export class MemoryStorage implements ObjectStorage {
  readonly name: string;
  /** How many objects a page of a listing has. */
  pageSize = 1000;
  /** Called before each request is answered: may change objects, wait, or throw what the request then fails with. */
  before: ((request: StorageRequest) => unknown) | undefined;
  /** Every request so far, in order. */
  readonly requests: StorageRequest[] = [];
  /** How many bytes of objects were handed out. */
  bytesRead = 0;
  closed = false;
  readonly #objects: Objects;

  constructor(name = 's3://memory', objects: Objects = new Objects()) {
    this.name = name;
    this.#objects = objects;
  }

  /** Another client of the same objects, with hooks and counts of its own. */
  another(): MemoryStorage {
    return new MemoryStorage(this.name, this.#objects);
  }

  /** Writes an object whatever was there. @returns its version, which no content had before */
  set(key: string, content: string | Uint8Array): string {
    const version = `"${++this.#objects.versions}"`;
    this.#objects.set(key, { bytes: Buffer.from(content as Uint8Array), version });
    return version;
  }

  /** Other bytes under the version that was there, as a disk leaves them that loses bits. */
  rot(key: string, content: Uint8Array): void {
    const { version } = this.#objects.get(key) as Content;
    this.#objects.set(key, { bytes: Buffer.from(content), version });
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  /** The content of an object as text; undefined where there is none. No request. */
  text(key: string): string | undefined {
    return this.#objects.get(key)?.bytes.toString('utf8');
  }

  /** The same as bytes; empty where there is none. */
  bytes(key: string): Buffer {
    return this.#objects.get(key)?.bytes ?? Buffer.alloc(0);
  }

  /** All keys in the order of a listing. No request. */
  keys(): string[] {
    const keys = [...this.#objects.keys()].map((key) => Buffer.from(key, 'utf8'));
    return keys.sort(Buffer.compare).map((key) => key.toString('utf8'));
  }

  /** How many requests of a method there were; without one, how many in all. */
  count(method?: StorageRequest['method']): number {
    return this.requests.filter((request) => method === undefined || request.method === method).length;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly StoredObject[]> {
    let after: Buffer | undefined;
    for (let more = true; more; ) {
      await this.#request({ method: 'list', key: prefix }, signal);
      const left = this.keys().filter(
        (key) => key.startsWith(prefix) && (after === undefined || after.compare(Buffer.from(key)) < 0),
      );
      const page = left.slice(0, this.pageSize).map((key) => {
        const { bytes, version } = this.#objects.get(key) as Content;
        return { key, size: bytes.length, version };
      });
      more = left.length > page.length;
      const last = page.at(-1);
      if (last === undefined) return;
      after = Buffer.from(last.key);
      yield page;
    }
  }

  async read(object: StoredObject, from: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    if (Math.min(length, object.size - from) <= 0) return Buffer.alloc(0); // the real ones ask nothing either
    await this.#request({ method: 'read', key: object.key }, signal);
    const present = this.#objects.get(object.key);
    if (present?.version !== object.version) throw new Replaced(object.key);
    return this.#given(Buffer.from(present.bytes.subarray(from, from + length)));
  }

  async get(key: string, limit: number, signal?: AbortSignal): Promise<StoredBytes | undefined> {
    await this.#request({ method: 'get', key }, signal);
    const present = this.#objects.get(key);
    if (present === undefined) return undefined;
    if (present.bytes.length > limit) {
      throw new TamperError('RESPONSE_MALFORMED', `${this.name}: ${key} is longer than ${limit} bytes`);
    }
    return { bytes: this.#given(Buffer.from(present.bytes)), version: present.version };
  }

  async put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const content = Buffer.from(bytes);
    await this.#request({ method: 'put', key }, signal);
    if (this.#objects.get(key)?.version !== ifVersion) return undefined;
    return this.set(key, content);
  }

  close(): void {
    this.closed = true;
  }

  async #request(request: StorageRequest, signal: AbortSignal | undefined): Promise<void> {
    if (this.closed) throw new Error(`${this.name} was used after it was closed`);
    throwIfAborted(this.name, signal);
    this.requests.push(request);
    await this.before?.(request);
    await new Promise(setImmediate); // as far apart as requests are: others come in between
    throwIfAborted(this.name, signal);
  }

  #given(bytes: Buffer): Buffer {
    this.bytesRead += bytes.length;
    return bytes;
  }
}
