import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { askStore, keepNote } from '../../src/seal/anchor/object-anchor.ts';
import type { ObjectStore } from '../../src/seal/anchor/object-store.ts';

/** What an anchor in an object store keeps, and what it is asked for (M6.5). */

const ORIGIN = 'audit.example.com/test';
const NAME = 's3://checkpoints/audit';
const FOLDER = `audit/${createHash('sha256').update(ORIGIN).digest('hex')}/`;
const { signal } = new AbortController();

const root = (of: string): string => createHash('sha256').update(of).digest('base64');
const note = (size: number, { of = 'ours', origin = ORIGIN, signature = 'AAAAAAAA' } = {}): string =>
  `${origin}\n${size}\n${root(of)}\n\n— ${origin} ${signature}\n`;
const keyOf = (size: number): string => `${FOLDER}${String(size).padStart(16, '0')}.note`;

class Store implements ObjectStore {
  readonly objects: Map<string, string>;
  asked = 0;

  constructor(...objects: [key: string, text: string][]) {
    this.objects = new Map(objects);
  }

  put(key: string, body: Uint8Array): Promise<string | undefined> {
    if (this.objects.has(key)) return Promise.resolve(undefined);
    this.objects.set(key, Buffer.from(body).toString());
    return Promise.resolve('version');
  }

  get(key: string): Promise<{ bytes: Buffer } | undefined> {
    this.asked++;
    const text = this.objects.get(key);
    return Promise.resolve(text === undefined ? undefined : { bytes: Buffer.from(text) });
  }

  firstAfter(prefix: string, after: string): Promise<string | undefined> {
    this.asked++;
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
    return Promise.resolve(keys.sort()[0]);
  }

  close(): void {
    this.objects.clear();
  }
}

describe('keeping a note', () => {
  it('names it by stream and size, so that the order of the keys is that of the sizes', async () => {
    const store = new Store();
    const sizes = [0, 1, 9, 10, 99, 1_000_000, Number.MAX_SAFE_INTEGER];
    for (const size of [...sizes].reverse()) await keepNote(store, NAME, note(size), signal);
    expect([...store.objects.keys()].sort()).toEqual(sizes.map(keyOf));
    expect(store.objects.get(keyOf(10))).toBe(note(10));
  });

  it('takes one of the same root that is there as its own, whoever signed it', async () => {
    const store = new Store([keyOf(7), note(7, { signature: 'BBBBBBBB' })]);
    await keepNote(store, NAME, note(7), signal);
    expect(store.objects.get(keyOf(7))).toBe(note(7, { signature: 'BBBBBBBB' }));
  });

  it.each([
    ['another root', note(7, { of: 'theirs' })],
    ['another size', note(8)],
    ['another stream', note(7, { origin: 'audit.example.com/other' })],
    ['no signature', note(7).replace(/— .*\n/, '')],
    ['no checkpoint', 'x'],
    ['nothing', ''],
  ])('refuses %s in its place, and leaves it there', async (_, text) => {
    const store = new Store([keyOf(7), text]);
    await expect(keepNote(store, NAME, note(7), signal)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(store.objects.get(keyOf(7))).toBe(text);
  });
});

describe('asking for a checkpoint that can contradict a stream', () => {
  let told: string[] = [];
  const tell = (key: string): void => void told.push(key);
  const stream = { origin: ORIGIN, size: 7, checkpointed: 5 };

  it('gets any that is larger, in two requests however many there are', async () => {
    const store = new Store();
    for (let size = 1; size <= 3_000; size++) await keepNote(store, NAME, note(size), signal);
    expect((await askStore(store, NAME, stream, signal, tell))?.size).toBeGreaterThan(7);
    expect(store.asked).toBe(2);
  });

  it('gets the one of the newest checkpoint here where none is larger', async () => {
    const store = new Store([keyOf(5), note(5, { of: 'theirs' })], [keyOf(4), note(4)]);
    expect((await askStore(store, NAME, stream, signal, tell))?.text).toContain(root('theirs'));
  });

  it('gets any at all for a stream that begins', async () => {
    const store = new Store([keyOf(1), note(1)]);
    expect(
      (await askStore(store, NAME, { origin: ORIGIN, size: 0, checkpointed: undefined }, signal, tell))?.size,
    ).toBe(1);
  });

  it.each([
    ['has nothing', new Store()],
    ['has only older ones', new Store([keyOf(4), note(4)])],
    ['has only another stream', new Store([keyOf(9).replace(FOLDER, 'audit/0/'), note(9)])],
  ])('gets none where it %s', async (_, store) => {
    expect(await askStore(store, NAME, stream, signal, tell)).toBeUndefined();
  });

  it.each([
    ['another size', keyOf(9), note(10)],
    ['another stream', keyOf(9), note(9, { origin: 'audit.example.com/other' })],
    ['no checkpoint', keyOf(9), 'x'],
    ['no checkpoint of the newest size', keyOf(5), ''],
  ])('is told where an object holds %s, which hides nothing that is behind it', async (_, key, text) => {
    told = [];
    expect(await askStore(new Store([key, text]), NAME, stream, signal, tell)).toBeUndefined();
    expect(told).toEqual([key]);
    const store = new Store([key, text], [keyOf(12), note(12)]);
    expect((await askStore(store, NAME, stream, signal, tell))?.size).toBe(12);
  });

  it.each(['0', 'latest.note', '0000000000000009', '0000000000000009.note.bak', '~'])(
    'passes over %s, a key that is not of its form',
    async (name) => {
      told = [];
      const store = new Store([`${FOLDER}${name}`, note(9)], [keyOf(12), note(12)], [keyOf(5), note(5)]);
      expect((await askStore(store, NAME, stream, signal, tell))?.size).toBe(12);
      store.objects.delete(keyOf(12));
      expect((await askStore(store, NAME, stream, signal, tell))?.size).toBe(5);
      expect(told).toEqual([]);
    },
  );
});
