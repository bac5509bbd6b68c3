import { beforeAll, describe, expect, it } from 'vitest';
import { times } from '../support/tier.ts';
import { keptSchedules } from './kept.ts';
import { scheduleOf } from './schedule.ts';
import { simulate } from './simulation.ts';
import { compileTree, type Tree } from './tree.ts';

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
