import { beforeAll, expect, it } from 'vitest';
import { scheduleOf } from './schedule.ts';
import { sweep } from './sweep.ts';
import { compileTree, type Tree } from './tree.ts';

const SEEDS = Number(process.env['SIMULATOR_SCHEDULES'] ?? 150);

let tree: Tree;
beforeAll(async () => {
  tree = await compileTree('.');
});

it('every failure at every call that the writer makes breaks no promise', { timeout: 1_800_000 }, async () => {
  const { coverage, violations } = await sweep(tree, scheduleOf, { from: 1, count: SEEDS });
  expect(violations).toEqual([]);
  const missed = [...coverage.counts].filter(([, hits]) => hits === 0).map(([key]) => key.split('\t'));
  const reached = missed.filter(([site, operation, , phase]) =>
    coverage.witnesses.has([site, operation, phase].join('\t')),
  );
  expect(reached).toEqual([]);
  expect(coverage.witnesses.size).toBeGreaterThan(150);
});
