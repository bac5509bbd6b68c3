import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { keepNote, notesInBucket, type ObjectStore } from '../../src/seal/anchor/object-anchor.ts';

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

  keysAfter(prefix: string, after: string): Promise<string[]> {
    this.asked++;
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
    return Promise.resolve(keys.sort().slice(0, 1_000));
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

describe('asking for the checkpoints of a stream', () => {
  let told: string[] = [];
  const tell = (key: string): void => void told.push(key);
  const stream = { origin: ORIGIN, size: 7, checkpointed: 5 };
  const sizesIn = async (store: Store, known = stream, most = 100): Promise<number[]> => {
    const sizes: number[] = [];
    for await (const { size } of notesInBucket(store, NAME, known, signal, tell)) {
      if (sizes.push(size) === most) break;
    }
    return sizes;
  };

  it('gets one that is larger in two requests, however many there are', async () => {
    const store = new Store();
    for (let size = 1; size <= 3_000; size++) await keepNote(store, NAME, note(size), signal);
    expect((await sizesIn(store, stream, 1))[0]).toBeGreaterThan(7);
    expect(store.asked).toBe(2);
  });

  it('gets the newest one here in few requests, where none is larger', async () => {
    const store = new Store();
    for (let size = 1; size <= 3_000; size++) await keepNote(store, NAME, note(size), signal);
    expect(await sizesIn(store, { origin: ORIGIN, size: 3_002, checkpointed: 3_000 }, 1)).toEqual([3_000]);
    expect(store.asked).toBeLessThanOrEqual(5);
  });

  it('gets the larger ones first, then all others from the newest back', async () => {
    const sizes = [1, 2, 40, 1_500, 9_000, 70_000, 80_000, 80_001, 90_000];
    const store = new Store(...sizes.map((size): [string, string] => [keyOf(size), note(size)]));
    const known = { origin: ORIGIN, size: 80_000, checkpointed: 79_999 };
    expect(await sizesIn(store, known)).toEqual([80_001, 90_000, 80_000, 70_000, 9_000, 1_500, 40, 2, 1]);
    expect(await sizesIn(store, { ...known, size: 0, checkpointed: 0 })).toEqual(sizes);
  });

  it('gets none of another stream', async () => {
    expect(await sizesIn(new Store([keyOf(9).replace(FOLDER, 'audit/0/'), note(9)]))).toEqual([]);
  });

  it.each([
    ['another size', keyOf(9), note(10)],
    ['another stream', keyOf(9), note(9, { origin: 'audit.example.com/other' })],
    ['no checkpoint', keyOf(9), 'x'],
    ['no checkpoint of the newest size', keyOf(5), ''],
  ])('is told where an object holds %s, which hides nothing that is behind it', async (_, key, text) => {
    told = [];
    expect(await sizesIn(new Store([key, text]))).toEqual([]);
    expect(told).toEqual([key]);
    expect(await sizesIn(new Store([key, text], [keyOf(12), note(12)], [keyOf(3), note(3)]))).toEqual([12, 3]);
  });

  it('is told where an object cannot be read, which hides nothing', async () => {
    told = [];
    class Archive extends Store {
      override get(key: string): Promise<{ bytes: Buffer } | undefined> {
        const isArchived = key === keyOf(9);
        return isArchived ? Promise.reject(new TamperError('UNAVAILABLE', 'it is archived')) : super.get(key);
      }
    }
    expect(await sizesIn(new Archive([keyOf(9), note(9)], [keyOf(12), note(12)]))).toEqual([12]);
    expect(told).toEqual([keyOf(9)]);
  });

  it.each(['0', 'latest.note', '0000000000000009', '0000000000000009.note.bak', '~'])(
    'passes over %s, a key that is not of its form',
    async (name) => {
      told = [];
      const store = new Store([`${FOLDER}${name}`, note(9)], [keyOf(12), note(12)], [keyOf(5), note(5)]);
      expect(await sizesIn(store)).toEqual([12, 5]);
      expect(told).toEqual([]);
    },
  );
});
