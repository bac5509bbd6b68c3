import { beforeAll, expect, it } from 'vitest';
import { someOf, times } from '../support/tier.ts';
import type { Fault, Operation } from './faults.ts';
import { type Schedule, type Step, scheduleOf } from './schedule.ts';
import { simulate } from './simulation.ts';
import { compileTree, type Tree } from './tree.ts';

/** What lasts for minutes fills neither the application's log with warnings, nor a disk, nor the time of a key service. */

const MINUTES = 6;
const WARNINGS = 5 * MINUTES;
const CALLS = 18 * MINUTES;

const PATHS: readonly Operation[] = ['open', 'create', 'stat', 'list', 'mkdir', 'link', 'unlink', 'rename', 'statfs'];
const CHANGES: readonly Operation[] = ['create', 'write', 'sync', 'truncate', 'mkdir', 'link', 'rename', 'close'];
const disk = (['log', 'state', 'both'] as const).flatMap((on) =>
  (
    [
      ['EACCES', PATHS],
      ['ENOENT', PATHS],
      ['ENOSPC', CHANGES],
      ['EROFS', CHANGES],
      ['EMFILE', ['open', 'create', 'list']],
      ['EIO', ['rename']],
      ['EIO', ['unlink']],
      ['EIO', ['read', 'stat', 'fstat']],
    ] as const
  ).map(([errno, operations]): Step => ({ do: 'fault', fault: { on, errno, operations, skip: 0 } satisfies Fault })),
);
const keys = (['refuses', 'stalls', 'denies', 'vanished'] as const).map((mood): Step => ({ do: 'keys', mood }));

const modes = { both: { signingKeyId: 'audit' }, sign: { useKmsSigning: true }, mac: {} };
const cases = (Object.keys(modes) as (keyof typeof modes)[]).slice(0, times(1, 3)).flatMap((mode) =>
  [false, true].flatMap((rotateChain) =>
    (['turn', 'line'] as const).slice(0, times(1, 2)).flatMap((flushEvery) =>
      [...keys, ...disk].map((trouble) => ({
        mode,
        rotateChain,
        flushEvery,
        trouble,
        name: `${mode}, chain ${rotateChain}, ${flushEvery}: ${JSON.stringify(trouble)}`,
      })),
    ),
  ),
);

let tree: Tree;
beforeAll(async () => {
  tree = await compileTree('.');
});

it.each(someOf(cases, 3))('$name', async ({ mode, rotateChain, flushEvery, trouble }) => {
  const { setup } = scheduleOf(1);
  const config = {
    ...setup.config,
    useKmsSigning: false,
    ...modes[mode],
    rotateChain,
    flushEvery,
    rotateMaxBytes: 3_000,
    maxPendingBytes: 1e6,
    checkpointMaxRecords: 50,
    checkpointMaxSeconds: 5,
  };
  const write: Step = { do: 'write', lines: 5, bytes: 120, together: false };
  const round: readonly Step[] = [write, { do: 'wait', ms: 6_000 }];
  const steps: Step[] = [{ do: 'start' }, write, { do: 'wait', ms: 1_500 }, trouble];
  for (let left = MINUTES * 10; left > 0; left--) steps.push(...round);
  const schedule: Schedule = { seed: 1, setup: { ...setup, apart: true, listens: true, config }, steps };
  const trace: string[] = [];
  expect((await simulate(tree, schedule, { trace })).violations).toEqual([]);
  const lasting = trace.slice(trace.findIndex((line) => line.includes(JSON.stringify(trouble))));
  const warnings = lasting.filter((line) => line.includes(': warning '));
  expect(warnings.length, warnings.slice(-3).join('\n')).toBeLessThanOrEqual(WARNINGS);
  if (trouble.do !== 'keys') return;
  const calls = lasting.filter((line) => line.includes(`the key service, ${trouble.mood}: `));
  expect(calls.length).toBeLessThanOrEqual(CALLS);
  expect(calls.length).toBeGreaterThan(MINUTES);
});
