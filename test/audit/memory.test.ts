import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditMemory } from '../../src/audit/memory/audit-memory.ts';
import { DirectoryMemory } from '../../src/audit/memory/directory-memory.ts';
import { familyId } from '../../src/audit/memory/family.ts';
import { formatRemembered, parseRemembered, type RememberedFamily } from '../../src/audit/memory/remembered.ts';
import { StorageMemory } from '../../src/audit/memory/storage-memory.ts';
import { auditFleet, type FleetFiles, fleetInBucket, fleetOnDisk, rotatedLog, ship } from '../support/fleet.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

/** What an auditor remembers: written on a condition, read strictly. */

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memory-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each<[string, () => () => AuditMemory]>([
  ['a directory', () => () => new DirectoryMemory(join(folder, 'm'))],
  [
    'a bucket',
    () => {
      const bucket = new MemoryStorage();
      return () => new StorageMemory(bucket.another(), 'm');
    },
  ],
])('texts in %s', (_, make) => {
  it('are written only over the one that was read', async () => {
    const open = make();
    const [one, other] = [open(), open()];
    expect(await one.read('a')).toBeUndefined();
    expect(await one.write('a', 'first', undefined)).toBe(true);
    expect(await other.write('a', 'too late', undefined)).toBe(false);
    const first = await other.read('a');
    expect(first?.text).toBe('first');
    expect(await other.write('a', 'second', first?.version)).toBe(true);
    expect(await one.write('a', 'from the first', first?.version)).toBe(false);
    for (const text of ['third', 'fourth', 'fifth']) {
      expect(await one.write('a', text, (await one.read('a'))?.version)).toBe(true);
    }
    // whatever was removed since: nobody goes on from what is no more
    expect(await other.write('a', 'from the first', first?.version)).toBe(false);
    expect((await other.read('a'))?.text).toBe('fifth');
    expect(await one.write('b', 'b', undefined)).toBe(true);
    const ids: string[] = [];
    for await (const id of one.ids()) ids.push(id);
    expect(ids.sort()).toEqual(['a', 'b']);
  });

  it('count each of a hundred increments of ten writers at once', async () => {
    const open = make();
    const increment = async (memory: AuditMemory): Promise<void> => {
      for (;;) {
        const now = await memory.read('count');
        if (await memory.write('count', String(Number(now?.text ?? '0') + 1), now?.version)) return;
      }
    };
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const memory = open();
        for (let at = 0; at < 10; at++) await increment(memory);
      }),
    );
    expect((await open().read('count'))?.text).toBe('100');
  });
});

it('a directory keeps the newest texts alone, and nothing of a writer that was killed counts', async () => {
  const memory = new DirectoryMemory(folder);
  for (let at = 0; at < 9; at++) await memory.write('a', `${at}`, (await memory.read('a'))?.version);
  expect(readdirSync(join(folder, 'a')).length).toBeLessThanOrEqual(2);
  writeFileSync(join(folder, 'a', '.0123456789abcdef.tmp'), 'torn');
  writeFileSync(join(folder, 'a', '000000000003.json'), 'left by one that was killed before it took it away');
  expect((await memory.read('a'))?.text).toBe('8');
  mkdirSync(join(folder, '.hidden'));
});

const remembered: RememberedFamily = {
  version: 2,
  family: 'fleet/a',
  streams: [
    {
      origin: 'fleet/a',
      verdict: 'ok',
      basis: 'x',
      newest: rotatedLog('fleet/a', 1).note(),
      firstSeq: 1,
      lastSeq: 6,
      end: 'open',
      counts: { adopted: 0, abandoned: 0, dropped: 0 },
      checked: '2026-11-25T00:00:00.000Z',
      files: [{ name: '/a', size: 1, version: 'v', firstSeq: 1, lastSeq: 6 }],
    },
  ],
};
const stream = remembered.streams[0] as RememberedFamily['streams'][number];

it('a directory that cannot be made is refused, also where the system says that what is above it is not there', async () => {
  for (const place of ['/proc/nope', '/proc/self/nope/deeper', '/dev/null/nope']) {
    const memory = new DirectoryMemory(place);
    await expect(memory.write(familyId('x.example.com/a'), 'text', undefined)).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
  }
});

describe('a text', () => {
  const id = familyId('fleet/a');

  it('is read as it was written', () => {
    expect(parseRemembered(formatRemembered(remembered), id, 'here')).toEqual(remembered);
  });

  it.each<[string, string]>([
    ['torn', formatRemembered(remembered).slice(0, -20)],
    ['empty', ''],
    ['without a digest', `${JSON.stringify(remembered)}\n`],
    ['of a later version', formatRemembered({ ...remembered, version: 3 as 2 })],
    ['with another member', formatRemembered({ ...remembered, ...{ more: 1 } })],
    ['of another family', formatRemembered({ ...remembered, family: 'fleet/b' })],
    [
      'with a stream of another family',
      formatRemembered({ ...remembered, streams: [{ ...stream, origin: 'fleet/b' }] }),
    ],
    ['with a stream twice', formatRemembered({ ...remembered, streams: [stream, stream] })],
    [
      "with another stream's checkpoint",
      formatRemembered({ ...remembered, streams: [{ ...stream, newest: rotatedLog('fleet/b', 1).note() }] }),
    ],
    ['with a checkpoint that is none', formatRemembered({ ...remembered, streams: [{ ...stream, newest: 'note' }] })],
    ['with a time that is none', formatRemembered({ ...remembered, streams: [{ ...stream, checked: 'yesterday' }] })],
  ])('%s is refused, and says where it lies', (_, text) => {
    expect(() => parseRemembered(text, id, 'here')).toThrow(
      expect.objectContaining({ code: 'FORMAT_INVALID', message: expect.stringMatching(/^here is not what/) }),
    );
  });
});

it('a text of which any byte is another one is refused', () => {
  const text = formatRemembered(remembered);
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === '0' ? '1' : '0';
    const damaged = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
    expect(() => parseRemembered(damaged, familyId('fleet/a'), 'here'), `byte ${at}`).toThrow(/^here is not what/);
  }
});

describe.each<[string, () => FleetFiles]>([
  ['a directory', fleetOnDisk],
  ['a bucket', fleetInBucket],
])('a damaged memory in %s', (_, make) => {
  it('fails its stream by name, and no other', async () => {
    const fleet = make();
    ship(fleet, rotatedLog('fleet/a', 2), 'a');
    ship(fleet, rotatedLog('fleet/b', 2), 'b');
    await auditFleet(fleet);
    const id = familyId('fleet/a');
    const before = await fleet.memory.read(id);
    await fleet.memory.write(id, before?.text.slice(0, 100) ?? '', before?.version);
    await fleet.memory.write('strange', '{}', undefined);
    const { said, results } = await auditFleet(fleet);
    expect(said).toEqual([
      ': failed undecided nothing',
      'fleet/a: failed undecided nothing',
      'fleet/b: unchanged ok nothing',
    ]);
    expect(results.find(({ stream: name }) => name === 'fleet/a')?.error?.code).toBe('FORMAT_INVALID');
    fleet.close();
  });
});
