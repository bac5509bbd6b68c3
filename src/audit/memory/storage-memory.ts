import { isTamperError, TamperError } from '../../errors.ts';
import type { ObjectStorage } from '../../storage/object-storage.ts';
import { type AuditMemory, type StoredText, TEXT_LIMIT } from './audit-memory.ts';

const SUFFIX = '.json';

/** Texts as objects of a bucket, each written on the condition that it is still the one that was read. */
export class StorageMemory implements AuditMemory {
  readonly name: string;
  readonly #storage: ObjectStorage;
  readonly #folder: string;

  constructor(storage: ObjectStorage, prefix: string) {
    this.#storage = storage;
    this.#folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.name = `${storage.name}/${this.#folder}`;
  }

  async prepare(): Promise<void> {
    // a bucket has no folders
  }

  async *ids(): AsyncGenerator<string> {
    for await (const page of this.#storage.list(this.#folder)) {
      for (const { key } of page) {
        const name = key.slice(this.#folder.length);
        if (name.endsWith(SUFFIX) && !name.includes('/')) yield name.slice(0, -SUFFIX.length);
      }
    }
  }

  async read(id: string): Promise<StoredText | undefined> {
    try {
      const stored = await this.#storage.get(this.#keyOf(id), TEXT_LIMIT);
      return stored && { text: stored.bytes.toString('utf8'), version: stored.version };
    } catch (error) {
      if (!isTamperError(error, 'RESPONSE_MALFORMED')) throw error;
      throw new TamperError('FORMAT_LIMIT', `${this.name}${id}${SUFFIX} cannot be read: ${error.message}`, {
        cause: error,
      });
    }
  }

  async write(id: string, text: string, version: string | undefined): Promise<boolean> {
    return (await this.#storage.put(this.#keyOf(id), Buffer.from(text, 'utf8'), version)) !== undefined;
  }

  #keyOf(id: string): string {
    return `${this.#folder}${id}${SUFFIX}`;
  }
}
