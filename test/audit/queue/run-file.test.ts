import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { makeRunFile, RunFile, type StreamToAudit } from '../../../src/audit/queue/run-file.ts';
import type { StreamJob } from '../../../src/audit/queue/stream-job.ts';

const streams = (count: number): StreamToAudit[] =>
  Array.from({ length: count }, (_, at) => ({ origin: `example.com/${at}`, basis: 'b', task: { at } }));

async function newPath(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'run-')), 'run.ndjson');
}

async function readAll(path: string): Promise<{ jobs: StreamJob[]; end: unknown }> {
  const file = await RunFile.open(path);
  if (file === undefined) throw new Error('there is no file');
  const jobs: StreamJob[] = [];
  const iterator = file.jobs();
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return { jobs, end: next.value };
    jobs.push(next.value);
  }
}

it.each([0, 1, 3])('gives back what was written, of %d streams', async (count) => {
  const path = await newPath();
  const { run, queue } = await makeRunFile(path, 'nightly', { streams: streams(count), rest: () => ({ ignored: 2 }) });
  expect(queue).toBe('nightly');
  const { jobs, end } = await readAll(path);
  expect(jobs).toEqual(streams(count).map((one) => ({ run, ...one })));
  expect(end).toEqual({ streams: count, rest: { ignored: 2 } });
  expect(await readdir(dirname(path))).toEqual(['run.ndjson']);
});

it('is not made where a listing fails, and never in the place of another', async () => {
  const path = await newPath();
  async function* failing(): AsyncGenerator<StreamToAudit> {
    yield* streams(2);
    throw new Error('the listing failed');
  }
  await expect(makeRunFile(path, 'q', { streams: failing() })).rejects.toThrow('the listing failed');
  expect(await readdir(dirname(path))).toEqual([]);
  expect(await RunFile.open(path)).toBeUndefined();
  await writeFile(path, 'mine');
  await expect(makeRunFile(path, 'q', { streams: streams(1) })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  expect(await readFile(path, 'utf8')).toBe('mine');
  expect(await readdir(dirname(path))).toEqual(['run.ndjson']);
});

it('no part of it passes for the whole, cut anywhere or with a line gone, twice or of another run', async () => {
  const path = await newPath();
  await makeRunFile(path, 'q', { streams: streams(3) });
  const text = await readFile(path, 'utf8');
  const lines = text.trimEnd().split('\n');
  const other = await newPath();
  await makeRunFile(other, 'q', { streams: streams(3) });
  const [, foreign = ''] = (await readFile(other, 'utf8')).split('\n');
  const cuts = Array.from({ length: text.length - 1 }, (_, at) => text.slice(0, at));
  const without = lines.map((_, at) => lines.filter((__, one) => one !== at).join('\n'));
  const twice = lines.map((line, at) => [...lines.slice(0, at), line, ...lines.slice(at)].join('\n'));
  const mixed = [lines[0], foreign, ...lines.slice(2)].join('\n');
  for (const broken of [...cuts, ...without, ...twice, mixed]) {
    await writeFile(path, broken);
    await expect(readAll(path)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  }
});
