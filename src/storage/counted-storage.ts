import type { ObjectStorage, StoredBytes, StoredObject } from './object-storage.ts';

/** What requests to object storage are for. */
export const REQUEST_KINDS = ['list', 'read', 'get', 'put'] as const;

/** How many requests there were of each kind; one that was repeated because it failed in passing counts once. */
export type RequestCounts = { [kind in (typeof REQUEST_KINDS)[number]]: number };

/** None yet. */
export function noRequests(): RequestCounts {
  return { list: 0, read: 0, get: 0, put: 0 };
}

/** A storage whose requests are counted, and given up at a signal. */
export class CountedStorage implements ObjectStorage {
  readonly name: string;
  readonly #storage: ObjectStorage;
  readonly #counts: RequestCounts;
  readonly #end: AbortSignal | undefined;

  /** `counts` goes up with each request. `end`: gives up those that have no signal of their own. */
  constructor(storage: ObjectStorage, counts: RequestCounts, end?: AbortSignal) {
    this.#end = end;
    this.name = storage.name;
    this.#storage = storage;
    this.#counts = counts;
  }

  async *list(prefix: string, signal: AbortSignal | undefined = this.#end): AsyncGenerator<readonly StoredObject[]> {
    this.#counts.list++;
    let isFirst = true;
    for await (const page of this.#storage.list(prefix, signal)) {
      if (!isFirst) this.#counts.list++;
      isFirst = false;
      yield page;
    }
  }

  async read(
    object: StoredObject,
    from: number,
    length: number,
    signal: AbortSignal | undefined = this.#end,
  ): Promise<Buffer> {
    this.#counts.read++;
    return this.#storage.read(object, from, length, signal);
  }

  async get(key: string, limit: number, signal: AbortSignal | undefined = this.#end): Promise<StoredBytes | undefined> {
    this.#counts.get++;
    return this.#storage.get(key, limit, signal);
  }

  async put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal: AbortSignal | undefined = this.#end,
  ): Promise<string | undefined> {
    this.#counts.put++;
    return this.#storage.put(key, bytes, ifVersion, signal);
  }

  close(): void {
    this.#storage.close();
  }
}
