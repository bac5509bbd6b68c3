import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Replaced } from '../../src/foundation/file-identity.ts';
import type { ObjectStorage, StoredObject } from '../../src/storage/object-storage.ts';

/** What every object store does, whoever keeps it. */

/** A bucket of its own for one test, and what somebody else can do in it. */
export interface StorageUnderTest {
  readonly store: ObjectStorage;
  /** Another client of the same bucket. */
  another(requestTimeoutMs?: number): Promise<ObjectStorage>;
  /** Writes an object whatever was there. `encoding`: as tools note it of a file that they packed. */
  write(key: string, content: string | Uint8Array, encoding?: 'gzip'): Promise<void>;
  remove(key: string): Promise<void>;
  /** A client of a bucket that there is not. */
  absent(): Promise<ObjectStorage>;
}

/** How stores differ. */
export interface StorageKind {
  /** Makes an empty bucket. */
  open(): Promise<StorageUnderTest>;
  /** Keys that the service does not have, each refused with `USAGE`. */
  readonly refused: readonly string[];
  /** More objects than one page of a listing has. */
  readonly manyObjects: number;
}

const oddKeys: readonly string[] = [
  'plain.jsonl',
  'logs/2026/11/26/host-1.jsonl.gz',
  'with space',
  ' leading and trailing ',
  'plus+plus',
  '100%',
  'a%2Fb',
  'a/b',
  'a//b',
  '/slash',
  'folder/',
  'question?x=1&y=2',
  'fragment#1',
  'quote\'s "double"',
  '<xml>&amp;</xml>',
  '../up',
  'a/../b',
  'a/./b',
  '..',
  '.',
  '…',
  'back\\slash',
  'tilde~',
  '{{projectId}}',
  'tab\tin it',
  'ümläut/é',
  'e\u0301',
  '日本語',
  '\uff41', // after the next one by UTF-16, before it by UTF-8
  '😀',
  'x'.repeat(1000),
];

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** Everything that a listing gives. */
export async function listedIn(store: ObjectStorage, prefix = ''): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for await (const page of store.list(prefix)) objects.push(...page);
  return objects;
}

/** The one object of a key in a listing. */
export async function objectIn(store: ObjectStorage, key: string): Promise<StoredObject> {
  const found = (await listedIn(store, key)).find((object) => object.key === key);
  if (found === undefined) throw new Error(`${key} is not listed`);
  return found;
}

/** Does something for each of many, some at a time. */
async function forEach<T>(many: readonly T[], use: (one: T) => Promise<unknown>): Promise<void> {
  const left = [...many].reverse();
  const worker = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await use(one);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** The suite that every {@link ObjectStorage} passes. */
export function testObjectStorage({ open, refused, manyObjects }: StorageKind): void {
  const keys = oddKeys.filter((key) => !refused.includes(key));

  describe('a listing', () => {
    it('of nothing has no page', async () => {
      const { store, write } = await open();
      expect(await listedIn(store)).toEqual([]);
      await write('a', 'x');
      expect(await listedIn(store, 'b')).toEqual([]);
    });

    it('gives every object once, in the order of the bytes of the keys, over several pages', async () => {
      const { store, write } = await open();
      const names = Array.from({ length: manyObjects }, (_, n) => `many/${((n * 7919) % manyObjects).toString(36)}`);
      await forEach(names, (name) => write(name, name));
      const pages: (readonly StoredObject[])[] = [];
      for await (const page of store.list('many/')) pages.push(page);
      expect(pages.length).toBeGreaterThan(1);
      const objects = pages.flat();
      expect(objects.map(({ key }) => key)).toEqual(names.sort(byBytes));
      expect(objects.every(({ key, size }) => size === key.length)).toBe(true);
    });

    it('can be left before its end', async () => {
      const { store, write } = await open();
      await write('a', 'x');
      for await (const page of store.list('')) {
        expect(page).toHaveLength(1);
        break;
      }
    });

    it('has the keys that begin with the prefix, which is no folder, and no pattern', async () => {
      const { store, write } = await open();
      for (const key of ['a', 'a/1', 'a/2', 'ab', 'a*', 'b/a/1', 'A/1', 'a%2F1', 'ä/1']) await write(key, 'x');
      const found = async (prefix: string): Promise<string[]> => (await listedIn(store, prefix)).map(({ key }) => key);
      expect(await found('a')).toEqual(['a', 'a%2F1', 'a*', 'a/1', 'a/2', 'ab']);
      expect(await found('a/')).toEqual(['a/1', 'a/2']);
      expect(await found('a*')).toEqual(['a*']);
      expect(await found('a%2F')).toEqual(['a%2F1']);
      expect(await found('ä')).toEqual(['ä/1']);
      expect(await found('a/1')).toEqual(['a/1']);
      expect(await found('a/1/')).toEqual([]);
    });

    it('gives odd keys as they are, and each of them leads to its object', async () => {
      const { store, write } = await open();
      for (const key of keys) await write(key, `content of ${key}`);
      const objects = await listedIn(store);
      expect(objects.map(({ key }) => key)).toEqual([...keys].sort(byBytes));
      for (const object of objects) {
        const content = Buffer.from(`content of ${object.key}`);
        expect(object.size).toBe(content.length);
        expect(await store.read(object, 0, object.size)).toEqual(content);
        expect(await store.get(object.key, 4096)).toEqual({ bytes: content, version: object.version });
      }
    });

    it('of a bucket that there is not is an error, and so is everything else in it', async () => {
      const { absent } = await open();
      const store = await absent();
      const missing = expect.objectContaining({ code: 'NOT_FOUND' });
      await expect(listedIn(store)).rejects.toEqual(missing);
      await expect(store.get('a', 10)).rejects.toEqual(missing);
      await expect(store.put('a', Buffer.from('x'), undefined)).rejects.toEqual(missing);
    });
  });

  describe('reading', () => {
    it('gives the bytes of a range, fewer only where the object ends', async () => {
      const { store, write } = await open();
      const content = randomBytes(1000);
      await write('object', content);
      const object = await objectIn(store, 'object');
      for (const from of [0, 1, 499, 998, 999, 1000, 1001, 5000]) {
        for (const length of [0, 1, 2, 500, 999, 1000, 1001, 70_000]) {
          expect([from, length, await store.read(object, from, length)]).toEqual([
            from,
            length,
            content.subarray(from, from + length),
          ]);
        }
      }
    });

    it('of a large object in pieces gives all of it', async () => {
      const { store, write } = await open();
      const content = randomBytes(5_000_011);
      await write('large', content);
      const object = await objectIn(store, 'large');
      const parts: Buffer[] = [];
      for (let at = 0; at < object.size; at += 1 << 20) parts.push(await store.read(object, at, 1 << 20));
      expect(Buffer.concat(parts).equals(content)).toBe(true);
    });

    it('of an empty object gives nothing', async () => {
      const { store, write } = await open();
      await write('empty', '');
      const object = await objectIn(store, 'empty');
      expect(object.size).toBe(0);
      expect(await store.read(object, 0, 10)).toEqual(Buffer.alloc(0));
      expect((await store.get('empty', 10))?.bytes).toEqual(Buffer.alloc(0));
    });

    it('gives what is stored, also of an object that is noted as packed', async () => {
      const { store, write } = await open();
      const packed = gzipSync('{"n":1}\n'.repeat(100));
      await write('log.jsonl.gz', packed, 'gzip');
      const object = await objectIn(store, 'log.jsonl.gz');
      expect(object.size).toBe(packed.length);
      expect(await store.read(object, 0, object.size)).toEqual(packed);
      expect(await store.read(object, 5, 10)).toEqual(packed.subarray(5, 15));
      expect((await store.get('log.jsonl.gz', 4096))?.bytes).toEqual(packed);
    });

    it('of an object that was replaced since the listing fails, whatever its size is now', async () => {
      const { store, write } = await open();
      for (const content of ['other', 'longer than before', 'x', '']) {
        await write('object', 'first');
        const object = await objectIn(store, 'object');
        await write('object', content);
        await expect(store.read(object, 0, 3)).rejects.toBeInstanceOf(Replaced);
        await expect(store.read(object, 4, 100)).rejects.toBeInstanceOf(Replaced);
      }
    });

    it('of an object that was deleted since the listing fails', async () => {
      const { store, write, remove } = await open();
      await write('object', 'first');
      const object = await objectIn(store, 'object');
      await remove('object');
      await expect(store.read(object, 0, 3)).rejects.toBeInstanceOf(Replaced);
    });

    it('of what was never there gives undefined', async () => {
      const { store } = await open();
      for (const key of keys) expect([key, await store.get(key, 10)]).toEqual([key, undefined]);
    });

    it('gives at most as much as the limit', async () => {
      const { store, write } = await open();
      await write('object', '0123456789');
      expect((await store.get('object', 10))?.bytes.toString()).toBe('0123456789');
      for (const limit of [0, 1, 9]) {
        await expect(store.get('object', limit)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
      }
    });
  });

  describe('writing', () => {
    it('needs the object to be absent, or to have the version that is named', async () => {
      const { store, remove } = await open();
      const first = await store.put('memory', Buffer.from('first'), undefined);
      expect(first).toEqual(expect.any(String));
      expect(await store.get('memory', 100)).toEqual({ bytes: Buffer.from('first'), version: first });
      expect((await objectIn(store, 'memory')).version).toBe(first);

      expect(await store.put('memory', Buffer.from('absent?'), undefined)).toBeUndefined();
      const second = await store.put('memory', Buffer.from('second'), first);
      expect(second).not.toBe(first);
      expect(await store.put('memory', Buffer.from('stale'), first)).toBeUndefined();
      expect(await store.get('memory', 100)).toEqual({ bytes: Buffer.from('second'), version: second });

      await remove('memory');
      expect(await store.put('memory', Buffer.from('gone'), second)).toBeUndefined();
      expect(await store.get('memory', 100)).toBeUndefined();
      expect(await store.put('memory', Buffer.from('anew'), undefined)).toEqual(expect.any(String));
    });

    it('of odd keys and of nothing works', async () => {
      const { store } = await open();
      for (const key of keys) {
        const version = await store.put(key, Buffer.alloc(0), undefined);
        expect([key, await store.put(key, Buffer.from(key), version)]).toEqual([key, expect.any(String)]);
      }
      for (const key of keys) expect((await store.get(key, 4096))?.bytes.toString()).toBe(key);
      expect(await listedIn(store)).toHaveLength(keys.length);
    });

    it('takes a view of a larger buffer for what it is', async () => {
      const { store } = await open();
      const whole = new Uint8Array(Buffer.from('0123456789'));
      await store.put('view', whole.subarray(3, 6), undefined);
      expect((await store.get('view', 100))?.bytes.toString()).toBe('345');
    });

    it('by several at once succeeds for exactly one', async () => {
      const { store, another } = await open();
      const others = [store, await another(), await another()];
      let version: string | undefined;
      for (let round = 0; round < 8; round += 1) {
        const before = version;
        const results = await Promise.all(
          others.map((one, n) => one.put('memory', Buffer.from(`${round} by ${n}`), before)),
        );
        const winners = results.filter((result) => result !== undefined);
        expect([round, winners.length]).toEqual([round, 1]);
        [version] = winners;
        expect(await store.get('memory', 100)).toEqual({
          bytes: Buffer.from(`${round} by ${results.findIndex((result) => result !== undefined)}`),
          version,
        });
      }
    });

    const refusal = async (): Promise<void> => {
      const { store } = await open();
      for (const key of refused) {
        const usage = { code: 'USAGE', message: expect.stringContaining(JSON.stringify(key)) };
        await expect(store.put(key, Buffer.from('x'), undefined)).rejects.toMatchObject(usage);
        await expect(store.get(key, 10)).rejects.toMatchObject(usage);
        await expect(store.read({ key, size: 1, version: '1' }, 0, 1)).rejects.toMatchObject(usage);
      }
      expect(await listedIn(store)).toEqual([]);
    };
    if (refused.length > 0) it('of a name that the service does not have is refused', refusal);
  });

  describe('a signal', () => {
    it('that has fired ends everything before it begins', async () => {
      const { store, write } = await open();
      await write('object', 'content');
      const object = await objectIn(store, 'object');
      const signal = AbortSignal.abort();
      const aborted = expect.objectContaining({ code: 'ABORTED' });
      const first = async (): Promise<unknown> => store.list('', signal)[Symbol.asyncIterator]().next();
      await expect(first()).rejects.toEqual(aborted);
      await expect(store.read(object, 0, 1, signal)).rejects.toEqual(aborted);
      await expect(store.get('object', 10, signal)).rejects.toEqual(aborted);
      await expect(store.put('other', Buffer.from('x'), undefined, signal)).rejects.toEqual(aborted);
      expect(await store.get('other', 10)).toBeUndefined();
    });
  });
}
