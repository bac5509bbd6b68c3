import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inParallel } from '../servers/progress.ts';
import { installed } from '../support/installed.ts';

const before = process.env['XDG_CACHE_HOME'];
let cache = '';
beforeEach(() => {
  const home = mkdtempSync(join(tmpdir(), 'cache-'));
  process.env['XDG_CACHE_HOME'] = home;
  cache = join(home, 'fapilog-tamper-test');
});
afterEach(() => {
  rmSync(join(cache, '..'), { recursive: true });
  if (before === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = before;
});

describe('what is installed for the tests', () => {
  const tool = async (into: string): Promise<void> => writeFileSync(join(into, 'tool'), 'v1');

  it('is installed once, however many ask for it at the same time', async () => {
    let count = 0;
    const places = await Promise.all(
      Array.from({ length: 8 }, () =>
        installed('tool', 'tool 1', async (into) => {
          count += 1;
          await tool(into);
        }),
      ),
    );
    expect([count, new Set(places)]).toEqual([1, new Set([join(cache, 'tool')])]);
    expect(readdirSync(cache)).toEqual(['tool']);
  });

  it('is installed anew where that failed, or something else is there', async () => {
    const half = installed('tool', 'tool 1', async (into) => {
      await tool(into);
      throw new Error('the registry is away');
    });
    await expect(half).rejects.toThrow('the registry is away');
    await installed('tool', 'tool 1', async (into) => writeFileSync(join(into, 'whole'), ''));
    expect(readdirSync(join(cache, 'tool')).sort()).toEqual(['installed', 'whole']);
    await installed('tool', 'tool 2', tool);
    expect(readdirSync(join(cache, 'tool')).sort()).toEqual(['installed', 'tool']);
  });

  it('does not wait for an installer that is gone', async () => {
    await installed('tool', 'tool 1', tool);
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(cache, 'tool.lock'), String(pid));
    await Promise.all([1, 2, 3].map(() => installed('tool', 'tool 2', tool)));
    expect(readdirSync(cache)).toEqual(['tool']);
  });

  it('waits for one that lives', async () => {
    await installed('tool', 'tool 1', tool);
    const holder = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    writeFileSync(join(cache, 'tool.lock'), String(holder.pid));
    const waiting = installed('tool', 'tool 2', tool);
    // it has a file of its own in the folder once it has come to the lock
    while (readdirSync(cache).length < 3) await wait(5);
    expect(readFileSync(join(cache, 'tool', 'installed'), 'utf8')).toBe('tool 1');
    holder.stdin.end();
    await once(holder, 'exit');
    await waiting;
    expect(readFileSync(join(cache, 'tool', 'installed'), 'utf8')).toBe('tool 2');
    expect(existsSync(join(cache, 'tool.lock'))).toBe(false);
  });
});

describe('what is done before the tests', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is told of at once, every ten seconds, and at its end', async () => {
    vi.useFakeTimers();
    const said: string[] = [];
    let done = (): void => undefined;
    const kafka = new Promise<void>((resolve) => {
      done = resolve;
    });
    const all = inParallel('starting', { kafka: () => kafka, redis: async () => undefined }, (line) => said.push(line));
    expect(said).toEqual(['starting: kafka, redis']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(said.slice(1)).toEqual([
      'starting: redis is ready (0.0 s)',
      'starting: still kafka (10.0 s)',
      'starting: still kafka (20.0 s)',
    ]);
    done();
    await all;
    expect(said.at(-1)).toBe('starting: kafka is ready (20.0 s)');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails by name: everything that failed, and why', async () => {
    const tasks = {
      kafka: () => Promise.reject(new Error('no Java')),
      redis: async () => undefined,
      openbao: () => Promise.reject(new Error('no Python')),
    };
    await expect(inParallel('starting', tasks, () => undefined)).rejects.toThrow(
      'starting failed: kafka: no Java; openbao: no Python',
    );
  });
});
