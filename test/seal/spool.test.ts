import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { audit, read, start, workplace } from './workplace.ts';

/** What the file system says: `blocks` 0 where it does not tell its size. */
const room = vi.hoisted(() => ({ left: undefined as number | undefined, blocks: 1 }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const statfsSync = (path: string): unknown =>
    room.left === undefined ? fs.statfsSync(path) : { blocks: room.blocks, bavail: room.left, bsize: 1 };
  return { ...fs, statfsSync };
});

type Place = ReturnType<typeof workplace>;

/** What stands in files of the state directory, in order. */
function onDisk({ directory }: Place): string {
  const state = join(directory, 'state');
  return readdirSync(state)
    .filter((name) => name.includes('.keeping-'))
    .map((name) => readFileSync(join(state, name), 'utf8'))
    .join('');
}

/** What stands in any file of the log and its state. */
function everywhere({ directory, file }: Place): string {
  const state = join(directory, 'state');
  const paths = [file, ...readdirSync(state).map((name) => join(state, name))];
  return paths.map((path) => (existsSync(path) ? readFileSync(path, 'latin1') : '')).join('\n');
}

async function numbers({ file, provider }: Place): Promise<number[]> {
  const { entries } = await read([file], provider);
  return entries.flatMap((entry) => (entry.kind === 'record' ? [JSON.parse(entry.line).n] : []));
}

/** The next start, with its key: it seals what was kept. */
async function startAgain({ options, provider }: Place): Promise<void> {
  provider.faults.heal();
  const next = start(options());
  await next.flush();
  await next.close();
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const text = (count: number): string =>
  upTo(count)
    .map((n) => `{"n":${n}}\n`)
    .join('');

describe('lines that wait for the first key', () => {
  it('are on the disk soon, and in memory no longer', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start(place.options());
    for (const n of upTo(100)) sealer.write(`{"n":${n}}`);
    expect(onDisk(place)).toBe('');
    await expect.poll(() => onDisk(place)).toBe(text(100));
    expect(sealer.stats).toMatchObject({ pendingBytes: 0, waitsFor: 'key' });
    place.provider.faults.heal();
    await sealer.flush();
    sealer.write('{"n":100}');
    await sealer.close();
    expect(await numbers(place)).toEqual(upTo(101));
    expect((await audit(place.directory, place.provider)).verdict).toBe('ok');
    expect(readdirSync(join(place.directory, 'state')).filter((name) => /keeping|unsealed|taken/.test(name))).toEqual(
      [],
    );
  });

  it('are on the disk soon, although timers fire early', async () => {
    const timer = setTimeout;
    const early = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((fire: () => void, ms = 0) => timer(fire, ms - 20)) as typeof setTimeout);
    onTestFinished(() => early.mockRestore());
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start(place.options());
    sealer.write('{"n":0}');
    await expect.poll(() => onDisk(place)).toBe(text(1));
  });

  it('are on the disk before write() returns, with flush_every: line', () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...place.options(), flushEvery: 'line' });
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      sealer.write('{"n":0}');
      expect(onDisk(place)).toBe('{"n":0}\n');
    });
  });

  it('are in some file before write() returns, with flush_every: line, at every moment of a start', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...place.options(), flushEvery: 'line' });
    let isReady = false;
    void sealer.ready.then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    let n = 0;
    for (let after = 0; after < 30; after += isReady ? 1 : 0) {
      if (n === 50) place.provider.faults.heal();
      sealer.write(`{"n":${n}}`);
      expect(everywhere(place)).toMatch(new RegExp(`\\{"n":${n}[,}]`));
      n++;
      await new Promise((resolve) => (n % 2 === 0 ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
    await sealer.close();
    expect(await numbers(place)).toEqual(upTo(n));
  });

  it('are kept, although somebody deletes the state directory under them', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start(place.options());
    for (const n of upTo(100)) sealer.write(`{"n":${n}}`);
    await expect.poll(() => onDisk(place)).toBe(text(100));
    rmSync(join(place.directory, 'state'), { recursive: true });
    for (let n = 100; n < 120; n++) sealer.write(`{"n":${n}}`);
    await sealer.close().catch(() => undefined); // its lock is gone too
    expect(sealer.stats).toMatchObject({ kept: 120, uncounted: 0 });
    await startAgain(place);
    expect(await numbers(place)).toEqual(upTo(120));
  });

  it('are kept at the end only as far as there is room left for the state of the next start', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    room.left = 300_000;
    try {
      const sealer = start(place.options());
      const pad = 'x'.repeat(1_000);
      for (const n of upTo(100)) sealer.write(`{"n":${n},"pad":"${pad}"}`);
      const kept = once(sealer, 'kept');
      await sealer.close();
      const [{ lines, lost }] = await kept;
      expect(lines).toBe(Math.floor((300_000 - 262_144) / (pad.length + 18)));
      expect(Number(lines) + Number(lost)).toBe(100);
    } finally {
      room.left = undefined;
    }
    await startAgain(place);
    const { streams } = await audit(place.directory, place.provider);
    expect((streams[0]?.records ?? 0) + (streams[0]?.droppedLines ?? 0)).toBe(100);
  });

  it('are spooled and kept on a file system that does not tell its size', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    Object.assign(room, { left: 0, blocks: 0 });
    try {
      const sealer = start(place.options());
      for (const n of upTo(10)) sealer.write(`{"n":${n}}`);
      await expect.poll(() => onDisk(place)).toBe(text(10));
      await sealer.close();
      const early = start(place.options());
      early.write('{"n":10}');
      await early.close(); // before anything is spooled
      expect([sealer.stats.kept, early.stats.kept]).toEqual([10, 1]);
    } finally {
      Object.assign(room, { left: undefined, blocks: 1 });
    }
    await startAgain(place);
    expect(await numbers(place)).toEqual(upTo(11));
  });

  it.each([
    ['slow', 0],
    ['away', 1],
  ])('are sealed behind a gap only if the key service was away: %s', async (mood, expected) => {
    const place = workplace();
    if (mood === 'away') place.provider.faults.failWith('UNAVAILABLE');
    else place.provider.faults.hang();
    const sealer = start(place.options());
    sealer.write('{"n":0}');
    await expect.poll(() => onDisk(place)).toBe(text(1));
    place.provider.faults.heal();
    await sealer.close();
    const { entries } = await read([place.file], place.provider);
    expect(entries.filter(({ kind }) => kind === 'gap')).toHaveLength(expected);
    expect(entries.filter(({ kind }) => kind === 'record')).toHaveLength(1);
  });

  it('are in no file where the key comes at once', async () => {
    const place = workplace();
    const sealer = start(place.options());
    sealer.write('{"n":0}');
    await sealer.flush();
    expect(readdirSync(join(place.directory, 'state')).filter((name) => /keeping|unsealed|taken/.test(name))).toEqual(
      [],
    );
  });

  it('never hold a producer back, whatever comes', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...place.options(), maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    const pad = 'x'.repeat(1_000);
    for (const n of upTo(1_000)) {
      expect(sealer.write(`{"n":${n},"pad":"${pad}"}`)).toBe(true);
      if (n % 20 === 0) await expect.poll(() => sealer.stats.pendingBytes, { interval: 1 }).toBe(0);
    }
    await sealer.close();
    expect(sealer.stats).toMatchObject({ kept: 1_000, dropped: 0 });
    await startAgain(place);
    expect(await numbers(place)).toEqual(upTo(1_000));
  });

  it('keep a line whole that comes in pieces', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...place.options(), maxLineBytes: 65_536 });
    sealer.write('{"n":0}');
    sealer.writePiece(Buffer.from('{"n":1,"pad":"'));
    await expect.poll(() => onDisk(place)).toBe('{"n":0}\n'); // half a line would be taken for a line
    sealer.writePiece(Buffer.from('x'.repeat(10_000)));
    sealer.write('"}\n{"n":2}');
    place.provider.faults.heal();
    await sealer.flush();
    await sealer.close();
    expect((await audit(place.directory, place.provider)).verdict).toBe('ok');
    const { entries } = await read([place.file], place.provider);
    expect(entries.filter(({ kind }) => kind === 'record').length).toBeGreaterThanOrEqual(3);
  });

  it('wait in memory where their file would leave too little room for the log, and the file goes on once there is', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    room.left = 67_000_000;
    try {
      const sealer = start(place.options());
      const warnings: string[] = [];
      sealer.on('warning', ({ message }) => warnings.push(message));
      for (const n of upTo(10)) sealer.write(`{"n":${n}}`);
      await expect.poll(() => warnings).toEqual([expect.stringContaining('little room left')]);
      expect(sealer.stats.pendingBytes).toBeGreaterThan(0);
      room.left = 100_000_000;
      await expect.poll(() => onDisk(place)).toBe(text(10));
      expect(warnings).toHaveLength(1);
      place.provider.faults.heal();
      await sealer.flush(); // close() alone does not wait for the key for as long as a retry may take
      await sealer.close();
      expect(await numbers(place)).toEqual(upTo(10));
    } finally {
      room.left = undefined;
    }
  });
});
