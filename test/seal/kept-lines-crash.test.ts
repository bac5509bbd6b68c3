import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { recordOf } from '../support/sealed-lines.ts';
import { someOf } from '../support/tier.ts';
import { sealedFiles, start, workplace } from './workplace.ts';

/** Every change of the disk is a step; from step `last` on nothing happens any more, as when the process was killed. */
const disk = vi.hoisted(() => ({ step: 0, last: Number.POSITIVE_INFINITY, half: false }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const { changesAfter, stopAt } = await import('./stepping-disk.ts');
  const changes = changesAfter(fs, stopAt(disk, 'killed'));
  return {
    ...fs,
    ...changes,
    writeSync: (fd: number, bytes: Buffer, offset = 0, length = bytes.length - offset, position?: number | null) =>
      fd <= 2 ? length : changes.writeSync(fd, bytes, offset, length, position),
  };
});

const LINES = 30;
const expected = Array.from({ length: LINES }, (_, n) => `{"kept":${n},"pad":"${'x'.repeat(n * 60)}"}`);

/** The number of each kept line in the sealed files of a directory, parts put together, in rising order; -1 where it is not whole. */
function records(directory: string): number[] {
  const all: number[] = [];
  let parts: Buffer[] = [];
  for (const file of sealedFiles(directory)) {
    const bytes = readFileSync(file);
    for (let from = 0, lf = bytes.indexOf(10); lf >= 0; from = lf + 1, lf = bytes.indexOf(10, from)) {
      const record = recordOf(bytes.subarray(from, lf));
      if (record === undefined) continue;
      const { part, last, own } = record;
      parts = part === undefined || part === 1 ? [own] : [...parts, own];
      if (part === undefined || last) all.push(expected.indexOf(Buffer.concat(parts).toString()));
    }
  }
  return all.sort((one, other) => one - other);
}

/** A start that seals what was kept, and ends. */
async function takeOver(options: SealerOptions): Promise<void> {
  try {
    const sealer = createSealer(options);
    sealer.on('error', () => undefined);
    await sealer.flush();
    await sealer.close();
  } catch {
    // it was killed; what matters is what lies on the disk
  }
}

it.each([
  ['one stream', 'audit.jsonl', 'audit.example.com/kept', {}, 1],
  [
    'one stream that changes its file meanwhile',
    'audit.jsonl',
    'audit.example.com/kept',
    { rotateMaxBytes: 25_000 },
    1,
  ],
  ['streams of instances', 'audit-{instance}.jsonl', 'audit.example.com/kept/{instance}', {}, 1],
  ['what several processes kept', 'audit-{instance}.jsonl', 'audit.example.com/kept/{instance}', {}, 2],
])(
  'a start that is killed at any change of the disk seals no kept line twice and loses none: %s',
  async (_name, name, origin, extra, files) => {
    const { directory, options, provider } = workplace();
    onTestFinished(() => {
      disk.last = Number.POSITIVE_INFINITY;
    });
    const place = (folder: string): SealerOptions => ({
      ...options(),
      ...extra,
      origin,
      file: join(directory, folder, name),
      stateDir: join(directory, folder, 'state'),
      maxLineBytes: 1_024,
      checkpointMaxRecords: 10,
    });
    const begin = async (folder: string): Promise<void> => {
      disk.last = Number.POSITIVE_INFINITY;
      provider.faults.failWith('UNAVAILABLE');
      const share = LINES / files;
      for (let from = 0; from < LINES; from += share) {
        const sealer = start(place(folder));
        for (const line of expected.slice(from, from + share)) sealer.write(line);
        sealer.closeSync();
      }
      provider.faults.heal();
    };
    await begin('whole');
    disk.step = 0;
    await takeOver(place('whole'));
    const steps = disk.step;
    expect(steps).toBeGreaterThan(20);
    expect(records(join(directory, 'whole'))).toEqual(expected.map((_, n) => n));
    for (const last of someOf([...Array(steps + 1).keys()].slice(1), 6)) {
      const folder = `crash${last}`;
      await begin(folder);
      Object.assign(disk, { step: 0, last, half: last % 2 === 0 });
      await takeOver(place(folder));
      disk.last = Number.POSITIVE_INFINITY;
      release(join(directory, folder));
      for (const round of [1, 2]) {
        await takeOver(place(folder));
        expect(records(join(directory, folder)), `step ${last}, start ${round}`).toEqual(expected.map((_, n) => n));
      }
      const left = readdirSync(join(directory, folder, 'state')).filter((one) => one.includes('.unsealed-'));
      expect(left, `step ${last}`).toEqual([]);
      rmSync(join(directory, folder), { recursive: true, force: true });
    }
  },
  120_000,
);

/** The process that was killed runs no more: its lock says so. */
function release(directory: string): void {
  const state = join(directory, 'state');
  for (const name of readdirSync(state).filter((one) => one.endsWith('.lock'))) {
    const path = join(state, name);
    const text = readFileSync(path, 'utf8');
    if (statSync(path).size > 0) writeFileSync(path, text.replace(/"started":"[^"]*"/, '"started":"1"'));
    else rmSync(path);
  }
}
