import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../../support/command-line.ts';

/** Which part of an audit a process takes, as the command is told of it by an engine. */

const key = 'ab'.repeat(32);
const keyEnv = { FAPILOG_TAMPER_KEY: key };
const streams = ['example.com/a', 'example.com/b', 'example.com/c', 'example.com/d'];
let cwd = '';

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'audit-shards-'));
  mkdirSync(join(cwd, 'logs'));
  for (const [at, origin] of streams.entries()) {
    const seal = ['seal', '--quiet', '--out', `logs/${at}.jsonl`, '--origin', origin];
    expect((await runHere(seal, { cwd, env: keyEnv, input: 'one\n' })).code).toBe(0);
  }
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

const args = (memory: string): string[] => [
  ...['audit', 'logs', '--origin', 'example.com/*', '--key-env', 'SOME_KEY'],
  ...['--memory', memory, '--format', 'json'],
];

async function audited(memory: string, env: Record<string, string>): Promise<{ streams: string[]; shard: unknown }> {
  const { code, stdout, stderr } = await runHere([...args(memory), '--run', 'tonight'], {
    cwd,
    env: { SOME_KEY: key, ...env },
  });
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return {
    streams: lines.flatMap(({ summary, stream }) => (summary === true ? [] : [stream])),
    shard: lines.at(-1).shard,
  };
}

describe('an array job', () => {
  it.each([
    ['Kubernetes', 'JOB_COMPLETION_INDEX', 'JOB_COMPLETIONS'],
    ['AWS Batch', 'AWS_BATCH_JOB_ARRAY_INDEX', 'AWS_BATCH_JOB_ARRAY_SIZE'],
  ])('of %s: its jobs take every stream once', async (engine, index, count) => {
    const all: string[] = [];
    for (const at of [0, 1, 2]) {
      const { streams: taken, shard } = await audited(`memory ${engine}`, { [index]: String(at), [count]: '3' });
      expect(shard).toEqual({ index: at, count: 3, run: 'tonight' });
      all.push(...taken);
    }
    expect(all.sort()).toEqual(streams);
  });

  it('that does not know of how many it is audits nothing: exit 64', async () => {
    const given = { cwd, env: { SOME_KEY: key, JOB_COMPLETION_INDEX: '1' } };
    const { code, stdout, stderr } = await runHere(args('memory-none'), given);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('nothing says of how many');
    expect(stderr).toContain('hint: Set JOB_COMPLETIONS to their number');
  });

  it('audits all with --shard 0/1, whatever the engine says', async () => {
    const given = { cwd, env: { SOME_KEY: key, JOB_COMPLETION_INDEX: '1' } };
    const { code, stdout } = await runHere([...args('memory-all'), '--shard', '0/1', '--quiet'], given);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ streams: 4, shard: { index: 0, count: 1 } });
  });
});
