import { beforeAll, describe, expect, it } from 'vitest';
import { times } from '../support/tier.ts';
import { keptSchedules } from './kept.ts';
import { type Schedule, type Step, scheduleOf } from './schedule.ts';
import { played, simulate } from './simulation.ts';
import { compileTree, type Tree } from './tree.ts';
import type { Run } from './world.ts';

const SHARE = Number(process.env['SIMULATOR_SCHEDULES'] ?? times(120, 1_500));

describe('the writer in a simulated world', () => {
  let tree: Tree;
  beforeAll(async () => {
    tree = await compileTree('.');
  });

  for (const { name, what, ...schedule } of keptSchedules()) {
    it(`${name}: ${what}`, async () => {
      expect((await simulate(tree, schedule)).violations).toEqual([]);
    });
  }

  it(`breaks no promise in ${SHARE} schedules`, {
    timeout: 1_800_000,
  }, async () => {
    for (let seed = 1; seed <= SHARE; seed++) {
      const { violations } = await simulate(tree, scheduleOf(seed));
      expect(violations, `npm run simulate -- --seed ${seed} --shrink`).toEqual([]);
    }
  });

  it('says once that a full file goes on because its directory cannot be read', async () => {
    const { setup } = scheduleOf(1);
    const config = {
      ...setup.config,
      useKmsSigning: true,
      rotateChain: false,
      rotateMaxBytes: 4_000,
      maxPendingBytes: 1e6,
    };
    const steps: Step[] = [
      { do: 'start' },
      { do: 'wait', ms: 500 },
      { do: 'fault', fault: { on: 'log', errno: 'EACCES', operations: ['list', 'stat'], skip: 0 } },
      { do: 'write', lines: 12, bytes: 1_500, together: false },
      { do: 'wait', ms: 1_500 },
      { do: 'write', lines: 4, bytes: 1_500, together: false },
      { do: 'heal' },
      { do: 'close', lines: 0 },
    ];
    const schedule = { seed: 1, setup: { ...setup, apart: true, listens: true, config }, steps };
    expect((await simulate(tree, schedule)).violations).toEqual([]);
    const { told } = (await played(tree, schedule, true)).runs[0] as Run;
    expect(told.filter((text) => text.includes('cannot be begun'))).toHaveLength(1);
  });

  it('begins no file in the second half of an end, also for lines that waited in a stream', async () => {
    const { setup } = scheduleOf(1);
    const config = {
      ...setup.config,
      useKmsSigning: false,
      rotateChain: false,
      rotateMaxBytes: 4_484,
      maxPendingBytes: 1e7,
      flushEvery: 'line' as const,
      onWriteFailure: 'wait' as const,
    };
    const steps: Step[] = [
      { do: 'start' },
      { do: 'close', lines: 0 },
      { do: 'exit' },
      { do: 'start' }, // the second process calls close(), and leaves the stream open
      { do: 'write', lines: 55, bytes: 400, together: false },
      { do: 'wait', ms: 0 },
      { do: 'write', lines: 29, bytes: 1_500, together: true },
      { do: 'close', lines: 0 },
      { do: 'exit' },
    ];
    const schedule: Schedule = {
      seed: 1,
      setup: {
        ...setup,
        listens: true,
        apart: false,
        byStream: true,
        config,
        pace: { call: 0.2, sync: 283, look: 0.2 },
      },
      steps,
    };
    expect((await simulate(tree, schedule)).violations).toEqual([]);
    const { closeError, told } = (await played(tree, schedule, true)).runs[1] as Run;
    expect(closeError).toBeUndefined(); // it was WRITE_FAILED: the limit began behind the stream's lines, and files took the rest of it
    expect(told.filter((text) => text.startsWith('kept'))).toEqual([]);
  });

  describe('a disk that refuses the next file of a chain', () => {
    const refused = (onWriteFailure: 'wait' | 'stop'): Schedule => {
      const { setup } = scheduleOf(1);
      const config = {
        ...setup.config,
        rotateChain: true,
        rotateMaxBytes: 4_000,
        maxPendingBytes: 1e6,
        onWriteFailure,
      };
      const steps: Step[] = [
        { do: 'start' },
        { do: 'wait', ms: 500 },
        { do: 'fault', fault: { on: 'log', errno: 'EACCES', operations: ['rename'], skip: 0 } },
        { do: 'write', lines: 12, bytes: 1_500, together: false },
        { do: 'wait', ms: 6_000 },
        { do: 'heal' },
        { do: 'close', lines: 0 },
      ];
      return { seed: 1, setup: { ...setup, apart: true, listens: true, config }, steps };
    };

    it('is what lines are said to wait for, and one warning says so', async () => {
      expect((await simulate(tree, refused('wait'))).violations).toEqual([]);
      const { told } = (await played(tree, refused('wait'), true)).runs[0] as Run;
      expect(told.filter((text) => text.includes('cannot rename'))).toHaveLength(1);
    });

    it('ends the log where on_write_failure says so', async () => {
      expect((await simulate(tree, refused('stop'))).violations).toEqual([]);
      const { error } = (await played(tree, refused('stop'), true)).runs[0] as Run;
      expect(error).toMatchObject({ code: 'WRITE_FAILED' });
    });
  });

  it('plays a seed the same way each time, whatever was played before', async () => {
    const digests = async (seeds: readonly number[]): Promise<Map<number, string>> => {
      const all = new Map<number, string>();
      for (const seed of seeds) all.set(seed, (await simulate(tree, scheduleOf(seed))).digest);
      return all;
    };
    const seeds = Array.from({ length: 8 }, (_, at) => 1_000 + at);
    const forward = await digests(seeds);
    const backward = await digests(seeds.toReversed());
    for (const seed of seeds) expect(backward.get(seed), `seed ${seed}`).toBe(forward.get(seed));
    expect(new Set(forward.values()).size).toBe(seeds.length);
  });
});
