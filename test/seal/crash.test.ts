import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { someOf } from '../support/tier.ts';
import { audit, start, workplace } from './workplace.ts';

/** Every change of the disk is a step; at step `last` it happens by half or not at all, and the disk is frozen. */
const disk = vi.hoisted(() => ({ step: 0, last: Number.POSITIVE_INFINITY, half: false }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const { changesAfter, stopAt } = await import('./stepping-disk.ts');
  const step = stopAt(disk, 'the machine has stopped');
  return {
    ...fs,
    ...changesAfter(fs, step),
    openSync: (path: string, flags: string | number, mode?: number): number => {
      const { O_CREAT, O_TRUNC } = fs.constants;
      const reads = typeof flags === 'number' ? (flags & (O_CREAT | O_TRUNC)) === 0 : flags === 'r';
      if (!reads) step();
      return fs.openSync(path, flags, mode);
    },
  };
});

const modes: Record<string, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
  'a stream for each file': { rotateChain: true },
};

/** A run with everything in it; says how many lines were acknowledged before the disk stopped. */
async function story(options: SealerOptions, rotate: () => void): Promise<number> {
  let acknowledged = 0;
  const sealer = createSealer({ ...options, checkpointMaxRecords: 4, keyCacheTtlSeconds: 1 });
  sealer.on('error', () => undefined);
  sealer.on('warning', () => undefined);
  try {
    const write = (count: number): void => {
      for (let n = 0; n < count; n++) sealer.write(`{"n":${n}}`);
    };
    write(6);
    await sealer.flush();
    acknowledged = 6;
    await sealer.rotate();
    write(3);
    sealer.flushSync();
    acknowledged = 9;
    rotate();
    await new Promise((resolve) => setImmediate(resolve));
    write(2);
    await sealer.flush();
    acknowledged = 11;
    await sealer.close();
  } catch {
    // the disk has stopped; what matters is what lies on it
  }
  try {
    sealer.closeSync();
  } catch {
    // as above
  }
  return acknowledged;
}

it.each(Object.entries(modes))(
  'a crash at any change of the disk loses no acknowledged line: %s',
  async (_name, extra) => {
    const { directory, options, provider } = workplace(['audit', 'sign']);
    onTestFinished(() => {
      disk.last = Number.POSITIVE_INFINITY;
    });
    const place = (name: string): SealerOptions => ({
      ...options(),
      ...extra,
      file: join(directory, name, 'audit.jsonl'),
      stateDir: join(directory, name, 'state'),
    });
    disk.step = 0;
    await story(place('whole'), () => provider.rotate('audit'));
    const steps = disk.step;
    expect(steps).toBeGreaterThan(20);
    for (const last of someOf([...Array(steps + 1).keys()].slice(1), 6)) {
      const name = `crash${last}`;
      Object.assign(disk, { step: 0, last, half: last % 2 === 0 });
      let acknowledged = 0;
      try {
        acknowledged = await story(place(name), () => provider.rotate('audit'));
      } catch (error) {
        if (!/machine has stopped/.test(String((error as Error).cause ?? error))) throw error;
      }
      disk.last = Number.POSITIVE_INFINITY;
      await image(join(directory, name), join(directory, 'image'));
      const again = start(place('image'));
      again.write('{"again":true}');
      await again.close();
      const report = await audit(join(directory, 'image'), provider, { origin: 'audit.example.com/*' });
      const bad = report.findings.filter(({ severity, code }) => severity !== 'warning' && code !== 'ADOPTED');
      expect(bad, `step ${last}`).toEqual([]);
      const records = report.streams.reduce((sum, stream) => sum + (stream.records ?? 0), 0);
      expect(records, `step ${last}`).toBeGreaterThan(acknowledged);
      rmSync(join(directory, name), { recursive: true, force: true });
      rmSync(join(directory, 'image'), { recursive: true, force: true });
    }
  },
  120_000,
);

/** What would lie on the disk after a restart of the machine: everything but the lock. */
async function image(from: string, to: string): Promise<void> {
  cpSync(from, to, { recursive: true });
  for (const name of readdirSync(join(to, 'state'))) {
    const path = join(to, 'state', name);
    if (name.endsWith('.lock')) rmSync(path);
    else if (name.endsWith('.chainstate'))
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`${from}/`, `${to}/`));
  }
}
