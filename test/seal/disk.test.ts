import { once } from 'node:events';
import { readFileSync, truncateSync } from 'node:fs';
import { expect, it, onTestFinished, vi } from 'vitest';
import { audit, read, start, workplace } from './workplace.ts';

/** How many bytes the imagined disk still takes in the sealed file; undefined: as many as come. */
const disk = vi.hoisted(() => ({ room: undefined as number | undefined, busy: 0, short: false }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const full = (code: string): Error => Object.assign(new Error(`${code}: imagined`), { code });
  return {
    ...fs,
    writeSync: (fd: number, bytes: Buffer, offset?: number, length?: number, position?: number | null): number => {
      if (typeof bytes === 'string' || offset === undefined || length === undefined) return fs.writeSync(fd, bytes);
      if (disk.busy > 0) {
        disk.busy--;
        throw full('EAGAIN');
      }
      if (disk.room === undefined)
        return fs.writeSync(fd, bytes, offset, disk.short ? Math.ceil(length / 3) : length, position);
      const written = Math.min(disk.room, length);
      disk.room -= written;
      if (written > 0) fs.writeSync(fd, bytes, offset, written, position);
      if (written === 0) throw full('ENOSPC');
      return written;
    },
  };
});

function withDisk() {
  onTestFinished(() => {
    disk.room = undefined;
    disk.busy = 0;
    disk.short = false;
  });
  return workplace();
}

const lines = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => `{"n":${from + n}}`);

it('short writes are continued', async () => {
  const { directory, file, options, provider } = withDisk();
  disk.short = true;
  const sealer = start(options());
  for (const line of lines(2_000)) sealer.write(line);
  await sealer.close();
  expect((await read([file], provider)).entries.filter(({ kind }) => kind === 'record')).toHaveLength(2_000);
  expect((await audit(directory, provider)).verdict).toBe('ok');
});

it('a sink that is busy is waited for', async () => {
  const { directory, options, provider } = withDisk();
  const sealer = start(options());
  await sealer.flush();
  disk.busy = 5;
  for (const line of lines(100)) sealer.write(line);
  await sealer.close();
  expect((await audit(directory, provider)).streams[0]?.records).toBe(100);
});

it('a full disk: the file is cut back to its last whole line, lines wait, nothing is lost', async () => {
  const { directory, file, options, provider } = withDisk();
  const sealer = start(options());
  const warned = once(sealer, 'warning');
  await sealer.flush();
  disk.room = 1_000;
  for (const line of lines(100)) sealer.write(line);
  await warned;
  expect(readFileSync(file, 'latin1').endsWith('\n')).toBe(true);
  for (const line of lines(100, 100)) expect(sealer.write(line)).toBe(true);
  disk.room = undefined;
  await sealer.flush();
  await sealer.close();
  const stream = await read([file], provider);
  expect(stream.entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : []))).toEqual(lines(200));
  expect((await audit(directory, provider)).verdict).toBe('ok');
});

it('a loss is told to one flush: the first that was called after it, whichever ends first', async () => {
  const { options } = withDisk();
  const sealer = start({ ...options(), maxPendingBytes: 65_536, maxLineBytes: 4_096 });
  await sealer.flush();
  disk.room = 0;
  for (const line of lines(10, 1)) sealer.write(line);
  const before = sealer.flush();
  expect(sealer.stats.dropped).toBe(0);
  for (const line of lines(20_000, 1)) sealer.write(line);
  const { dropped } = sealer.stats;
  expect(dropped).toBeGreaterThan(0);
  const after = [sealer.flush(), sealer.flush()];
  const told = Promise.allSettled([before, ...after]);
  disk.room = undefined;
  const reasons = (await told).map((one) => (one.status === 'rejected' ? one.reason : undefined));
  expect(reasons).toMatchObject([undefined, { code: 'PENDING_OVERFLOW', lines: dropped }, undefined]);
  await sealer.close();
});

it('on_write_failure: drop counts what came meanwhile in a gap', async () => {
  const { directory, file, options, provider } = withDisk();
  const sealer = start({ ...options(), onWriteFailure: 'drop' });
  const warned = once(sealer, 'warning');
  await sealer.flush();
  disk.room = 0;
  sealer.write('{"n":0}');
  await warned;
  for (const line of lines(10, 1)) expect(sealer.write(line)).toBe(false);
  expect(sealer.stats.dropped).toBe(10);
  disk.room = undefined;
  await expect(sealer.flush()).rejects.toMatchObject({ code: 'PENDING_OVERFLOW', lines: 10 });
  expect(sealer.stats.covered).toBe(sealer.stats.size);
  await sealer.flush(); // it has been told
  await sealer.close();
  const stream = await read([file], provider);
  expect(stream.entries.find(({ kind }) => kind === 'gap')).toMatchObject({ why: 'disk', dropped: 10 });
  expect(await audit(directory, provider)).toMatchObject({ verdict: 'ok', streams: [{ droppedLines: 10 }] });
});

it('on_write_failure: stop ends the log', async () => {
  const { options } = withDisk();
  const sealer = start({ ...options(), onWriteFailure: 'stop' });
  const failed = once(sealer, 'error');
  await sealer.flush();
  disk.room = 0;
  sealer.write('{"n":0}');
  expect((await failed)[0]).toMatchObject({ code: 'WRITE_FAILED' });
});

it('a disk that is full at the change of file is waited for', async () => {
  const { directory, options, provider } = withDisk();
  const sealer = start(options());
  sealer.write('{"n":0}');
  await sealer.flush();
  disk.room = 0;
  await sealer.rotate();
  sealer.write('{"n":1}');
  disk.room = undefined;
  await sealer.flush();
  await sealer.close();
  expect(await audit(directory, provider)).toMatchObject({ verdict: 'ok', streams: [{ records: 2 }] });
});

it('what a crash tore off is set aside, and the open says so', async () => {
  const { directory, file, options, provider } = withDisk();
  const first = start(options());
  for (const line of lines(5)) first.write(line);
  await first.flush();
  first.write('{"n":5}');
  first.flushSync();
  first.closeSync();
  const size = readFileSync(file).length;
  truncateSync(file, size - 1); // the LF of the last checkpoint line
  const torn: unknown[] = [];
  const second = start(options());
  second.on('torn', (event) => torn.push(event));
  await second.close();
  expect(torn).toEqual([{ origin: second.origin, file: expect.stringContaining('.torn-'), bytes: expect.any(Number) }]);
  const stream = await read([file], provider);
  expect(stream.opens[1]?.why).toBe('recovered');
  expect(stream.opens[1]?.torn?.bytes).toBeGreaterThan(100);
  expect((await audit(directory, provider)).verdict).toBe('ok');
});
