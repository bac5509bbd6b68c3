import { expect, it } from 'vitest';
import { CountedStorage, noRequests } from '../../src/storage/counted-storage.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

it('counts every request by its kind, also one that finds nothing, and changes no answer', async () => {
  const bucket = new MemoryStorage();
  const counts = noRequests();
  const storage = new CountedStorage(bucket, counts);
  expect(storage.name).toBe(bucket.name);
  const version = await storage.put('a/1', Buffer.from('text'), undefined);
  expect(await storage.put('a/1', Buffer.from('other'), undefined)).toBeUndefined();
  expect(await storage.get('a/1', 100)).toEqual({ bytes: Buffer.from('text'), version });
  expect(await storage.get('a/2', 100)).toBeUndefined();
  const object = { key: 'a/1', size: 4, version: version ?? '' };
  expect((await storage.read(object, 1, 2)).toString()).toBe('ex');
  const listed: string[] = [];
  for await (const page of storage.list('a/')) listed.push(...page.map(({ key }) => key));
  expect(listed).toEqual(['a/1']);
  for await (const _ of storage.list('none/')) throw new Error('there is nothing');
  expect(counts).toEqual({ list: 2, read: 1, get: 2, put: 2 });
});
