import { describe } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { testObjectStorage } from '../support/storage-conformance.ts';

/** What other tests take for an object store behaves as the real ones. */
class AbsentStorage extends MemoryStorage {
  override before = (): never => {
    throw new TamperError('NOT_FOUND', 'there is no such bucket');
  };
}

describe('the object store in memory', () => {
  testObjectStorage({
    refused: [],
    manyObjects: 1_234,
    open: async () => {
      const store = new MemoryStorage();
      return {
        store,
        another: async () => store.another(),
        write: async (key, content) => void store.set(key, content),
        remove: async (key) => store.delete(key),
        absent: async () => new AbsentStorage(),
      };
    },
  });
});
