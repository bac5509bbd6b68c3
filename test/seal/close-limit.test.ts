import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { auditorKeys, createSealer, type Sealer, type SealerOptions, verify } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';

/** Whether the imagined disk refuses every write. */
const disk = vi.hoisted(() => ({ isFull: false, takes: Number.POSITIVE_INFINITY }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync: (fd: number, bytes: Buffer, offset?: number, length?: number, position?: number | null): number => {
      if (disk.isFull && length !== undefined) throw Object.assign(new Error('imagined'), { code: 'ENOSPC' });
      return fs.writeSync(fd, bytes, offset, length, position);
    },
  };
});

function place(extra: Partial<SealerOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'seal-'));
  onTestFinished(() => {
    disk.isFull = false;
    rmSync(directory, { recursive: true, force: true });
  });
  const keyProvider = new MemoryProvider({ keyIds: ['audit'] });
  const options: SealerOptions = {
    file: join(directory, 'audit.jsonl'),
    origin: 'audit.example.com/close',
    stateDir: join(directory, 'state'),
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider,
    ...extra,
  };
  return { directory, keyProvider, options };
}

/** An application that never stops logging. @returns how many lines it wrote so far */
function chatter(sealer: Sealer, atOnce: number): () => number {
  let count = 0;
  let goesOn = true;
  const write = (): void => {
    for (let n = 0; n < atOnce; n++) sealer.write(`{"n":${count++}}`);
    if (goesOn) setImmediate(write);
  };
  write();
  onTestFinished(() => {
    goesOn = false;
  });
  return () => count;
}

/** Lines in kept files, and lines that their names count. */
function kept(directory: string): number {
  let lines = 0;
  for (const name of readdirSync(join(directory, 'state'))) {
    const counted = /\.unsealed-.*-\d+-(\d+)-\d+$/.exec(name)?.[1];
    if (counted === undefined) continue;
    lines += Number(counted) + readFileSync(join(directory, 'state', name), 'latin1').split('\n').length - 1;
  }
  return lines;
}

describe.each([1, 400])('while the application goes on with %i lines a turn', (atOnce) => {
  it('close() ends on a healthy disk, and no line is without account', async () => {
    const { directory, keyProvider, options } = place();
    const sealer = createSealer(options);
    sealer.on('warning', () => undefined);
    await sealer.ready;
    const written = chatter(sealer, atOnce);
    await sealer.close();
    sealer.closeSync(); // what came until now
    const count = written();
    const report = await verify({
      paths: [options.file as string],
      origin: 'audit.example.com/close',
      keys: auditorKeys({ provider: keyProvider, dataKeys: ['audit'] }),
    });
    expect(report.verdict).toBe('ok');
    expect((report.streams[0]?.records ?? 0) + kept(directory)).toBe(count);
  });

  it('close() ends on a full disk, with WRITE_FAILED', async () => {
    const { options } = place();
    const sealer = createSealer(options);
    sealer.on('warning', () => undefined);
    await sealer.ready;
    disk.isFull = true;
    chatter(sealer, atOnce);
    await expect(sealer.close()).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });
});

it('close_timeout_seconds holds where the key service never signs and a closed file is never done', async () => {
  const { options } = place({ closeTimeoutSeconds: 1 });
  const provider = new MemoryProvider({ keyIds: ['audit'] });
  const sealer = createSealer({ ...options, useKmsSigning: true, keyProvider: provider });
  sealer.on('warning', () => undefined);
  await sealer.ready;
  provider.sign = () => new Promise(() => undefined);
  sealer.write('{"n":1}');
  await sealer.close();
  expect(sealer.stats.ended).toBe(true);
});

it('a thread that was busy is no absent key: close() right after the start waits for it', async () => {
  const { keyProvider, options } = place();
  const get = keyProvider.getKey.bind(keyProvider);
  keyProvider.getKey = async (...given) => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    return get(...given);
  };
  const sealer = createSealer(options);
  sealer.write('{"n":1}');
  const closed = sealer.close();
  const until = performance.now() + 2_000;
  setImmediate(() => {
    while (performance.now() < until);
  });
  await closed;
  expect(sealer.stats.kept).toBe(0);
  expect(sealer.stats.records).toBe(1);
});

it('a thread that was busy takes nothing from the time for the last checkpoint', async () => {
  const { options } = place();
  const sealer = createSealer({ ...options, useKmsSigning: true });
  const warnings: string[] = [];
  sealer.on('warning', ({ code }) => warnings.push(code));
  await sealer.ready;
  sealer.write('{"n":1}');
  const closing = sealer.close();
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_100);
  await closing;
  expect(warnings).not.toContain('TIMEOUT');
});
