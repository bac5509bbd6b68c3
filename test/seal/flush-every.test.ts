import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { audit, start, workplace } from './workplace.ts';

/** What stands in the file, and with it in the kernel, when `write()` returns, and when the turn of the event loop is over. */

const disk = vi.hoisted(() => ({ writes: 0, fails: undefined as string | undefined }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync: (fd: number, bytes: Buffer, offset?: number, length?: number, position?: number | null): number => {
      if (typeof bytes === 'string' || offset === undefined || length === undefined) return fs.writeSync(fd, bytes);
      if (!fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith('.jsonl'))
        return fs.writeSync(fd, bytes, offset, length, position);
      disk.writes++;
      if (disk.fails !== undefined) throw Object.assign(new Error('imagined'), { code: disk.fails });
      return fs.writeSync(fd, bytes, offset, length, position);
    },
  };
});

function withDisk() {
  onTestFinished(() => {
    disk.fails = undefined;
  });
  return workplace();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lineOf = (n: number, pad = 0): string => `{"n":${n},"pad":"${'x'.repeat(pad)}"}`;
const inFile = (file: string): number =>
  existsSync(file) ? (readFileSync(file, 'latin1').match(/^\{"n":/gm)?.length ?? 0) : 0;

describe('flush_every: turn', () => {
  it('keeps no more than 256 KiB of sealed lines in memory, and nothing when the turn is over', async () => {
    const { file, options } = withDisk();
    const sealer = start(options());
    await sealer.ready;
    await turn();
    let most = 0;
    for (let n = 0; n < 3_000; n++) {
      sealer.write(lineOf(n, 1_000));
      if (n % 50 === 49) most = Math.max(most, n + 1 - inFile(file));
    }
    expect(most).toBeGreaterThan(100);
    expect(most * 1_100).toBeLessThanOrEqual(262_144 + 2 * 1_200);
    await turn();
    expect(inFile(file)).toBe(3_000);
    await sealer.close();
  });

  it('writes what one turn gave with one call', async () => {
    const { options } = withDisk();
    const sealer = start(options());
    await sealer.ready;
    await turn();
    const before = disk.writes;
    for (let n = 0; n < 100; n++) sealer.write(lineOf(n));
    await turn();
    expect(disk.writes).toBe(before + 1);
    await sealer.close();
  });
});

describe('flush_every: line', () => {
  it('has each line in the file before write returns', async () => {
    const { directory, file, options, provider } = withDisk();
    const sealer = start({ ...options(), flushEvery: 'line', checkpointMaxRecords: 20, rotateMaxBytes: 0 });
    await sealer.ready;
    for (let n = 0; n < 100; n++) {
      expect(sealer.write(lineOf(n))).toBe(true);
      expect(inFile(file)).toBe(n + 1);
    }
    expect(sealer.writeObject(lineOf(100))).toBe(true);
    expect(inFile(file)).toBe(101);
    await sealer.close();
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('has a whole chunk in the file, however much that is, and says no drain that write does not', async () => {
    const { directory, file, options, provider } = withDisk();
    const sealer = start({ ...options(), flushEvery: 'line', maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    await sealer.ready;
    let drains = 0;
    sealer.on('drain', () => drains++);
    const chunk = Array.from({ length: 20_000 }, (_, n) => lineOf(n)).join('\n');
    expect(sealer.write(chunk)).toBe(true);
    expect(inFile(file)).toBe(20_000);
    sealer.writePiece(Buffer.from('{"n":1,"pad":"'));
    expect(sealer.write('"}')).toBe(true);
    expect(readFileSync(file, 'latin1')).toMatch(/"part":2,"last":true.*\n$/);
    await sealer.close();
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('holds lines while the disk is full, and tells the producer as ever', async () => {
    const { directory, file, options, provider } = withDisk();
    const sealer = start({ ...options(), flushEvery: 'line', maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    await sealer.flush();
    disk.fails = 'ENOSPC';
    let n = 0;
    while (sealer.write(lineOf(n++, 100)));
    const before = disk.writes;
    sealer.write(lineOf(n++));
    expect(disk.writes).toBe(before); // it is not tried again for each line
    const drained = once(sealer, 'drain');
    disk.fails = undefined;
    await drained;
    expect(sealer.write(lineOf(n++))).toBe(true);
    await sealer.close().catch(() => undefined);
    const { verdict, streams } = await audit(directory, provider);
    expect(verdict).toBe('ok');
    expect(inFile(file) + (streams[0]?.droppedLines ?? 0)).toBe(n);
  });

  it('keeps a line whose writing fails for good', async () => {
    const { directory, file, options, provider } = withDisk();
    const sealer = start({ ...options(), flushEvery: 'line' });
    sealer.on('error', () => undefined);
    await sealer.flush();
    disk.fails = 'EBADF';
    expect(sealer.write(lineOf(0))).toBe(true);
    expect(sealer.write(lineOf(1))).toBe(true);
    await turn();
    disk.fails = undefined;
    await sealer.close().catch(() => undefined);
    sealer.closeSync(); // as at the end of the process
    const next = start(options());
    await next.flush();
    await next.close();
    expect(inFile(file)).toBe(2);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });
});
