import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { isTamperError } from '../../src/errors.ts';
import { audit, start, workplace } from './workplace.ts';

/** What the imagined system says, and what the calls that it refuses need. */
const system = vi.hoisted(() => ({ code: 'ENOSPC' }));

/** The calls that need room, and from which of them on there is none; undefined: there is room. */
const disk = vi.hoisted(() => ({ call: 0, fullFrom: undefined as number | undefined, half: false }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const { writeAfter } = await import('./stepping-disk.ts');
  const full = (partly?: () => void): void => {
    if (++disk.call < (disk.fullFrom ?? Number.POSITIVE_INFINITY)) return;
    if (disk.half) partly?.();
    throw Object.assign(new Error(`${system.code}: imagined`), { code: system.code });
  };
  return {
    ...fs,
    mkdirSync: (...args: Parameters<typeof fs.mkdirSync>) => {
      if (!fs.existsSync(args[0])) full();
      return fs.mkdirSync(...args);
    },
    openSync: (path: string, flags: string | number, mode?: number): number => {
      const makes = typeof flags === 'number' ? (flags & fs.constants.O_CREAT) !== 0 : flags !== 'r';
      if (makes && !fs.existsSync(path)) full();
      return fs.openSync(path, flags, mode);
    },
    linkSync: (from: string, to: string): void => {
      full();
      fs.linkSync(from, to);
    },
    writeSync: writeAfter(fs, full),
  };
});

const free = (): void => {
  disk.fullFrom = undefined;
};

it.each(['wait', 'stop'] as const)(
  'a disk that is full at any step of a start: on_write_failure %s',
  async (onWriteFailure) => {
    onTestFinished(free);
    for (let from = 1; ; from++) {
      const { directory, options, provider } = workplace();
      const before = start(options());
      before.write('{"n":0}');
      await before.close();
      Object.assign(disk, { call: 0, fullFrom: from, half: from % 2 === 0 });
      const codes: string[] = [];
      let sealer: ReturnType<typeof start> | undefined;
      try {
        sealer = start({ ...options(), onWriteFailure });
        sealer.on('error', (error) => codes.push(isTamperError(error) ? error.code : String(error)));
        sealer.on('warning', () => undefined);
        sealer.write('{"n":1}');
        await new Promise((resolve) => setImmediate(resolve));
      } catch (error) {
        codes.push(isTamperError(error) ? error.code : String(error));
      }
      const reached = disk.call >= from;
      free();
      if (onWriteFailure === 'stop') {
        await sealer?.close().catch(() => undefined);
        expect(
          codes.filter((code) => code !== 'WRITE_FAILED'),
          `step ${from}`,
        ).toEqual([]);
        if (sealer === undefined) expect(codes).toEqual(['WRITE_FAILED']);
      } else {
        await sealer?.flush();
        await sealer?.close();
        expect(codes, `step ${from}`).toEqual([]);
      }
      const again = start(options()); // no lock is left that stops it
      again.write('{"n":2}');
      await again.close();
      expect(readdirSync(join(directory, 'state')).filter((name) => !name.endsWith('.chainstate'))).toEqual([]);
      const report = await audit(directory, provider);
      const bad = report.findings.filter(({ severity }) => severity !== 'warning');
      expect(bad, `step ${from}`).toEqual([]);
      expect(report.streams[0]?.records, `step ${from}`).toBeGreaterThanOrEqual(onWriteFailure === 'wait' ? 3 : 2);
      if (!reached) break;
    }
  },
  120_000,
);

it.each(['ENOSPC', 'EMFILE', 'ENFILE'])(
  'a start that %s holds up says so once, and for what its lines wait',
  async (code) => {
    onTestFinished(() => {
      free();
      system.code = 'ENOSPC';
    });
    const { options } = workplace();
    Object.assign(disk, { call: 0, fullFrom: 2, half: false });
    system.code = code;
    const sealer = start(options());
    const warnings: string[] = [];
    sealer.on('warning', ({ message }) => warnings.push(message));
    sealer.write('{"n":1}');
    await expect.poll(() => warnings).toHaveLength(1);
    expect(warnings[0]).toContain(code);
    expect(sealer.stats.waitsFor).toBe('disk');
    free();
    await sealer.flush();
    expect(sealer.stats).toMatchObject({ records: 1, waitsFor: undefined });
    await sealer.close();
    expect(warnings).toHaveLength(1);
  },
  30_000,
);
