import { beforeAll, describe, expect, it } from 'vitest';
import { times } from '../support/tier.ts';
import { anchoredScheduleOf } from './anchor-schedule.ts';
import type { Setup, Step } from './schedule.ts';
import { played, simulate } from './simulation.ts';
import { compileTree, type Tree } from './tree.ts';

/**
 * Histories of a log and its anchors in the simulated world. A rollback below what an anchor has is told at each start that asks it,
 * and stops it if the log's keys signed that; a start of a log that was not rolled back is never stopped.
 */

const HISTORIES = Number(process.env['ANCHOR_HISTORIES'] ?? times(60, 2_500));
const FIRST = Number(process.env['FAPILOG_TEST_SEED'] ?? 1);

let tree: Tree;
beforeAll(async () => {
  tree = await compileTree('.');
});

it(`${HISTORIES} histories of a log and its anchors`, { timeout: 3_600_000 }, async () => {
  for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
    const { violations } = await simulate(tree, anchoredScheduleOf(seed));
    expect(violations, `npm run simulate -- --anchors --seed ${seed} --shrink`).toEqual([]);
  }
});

describe('an anchor whose mount is dead', () => {
  const setup: Setup = {
    ...anchoredScheduleOf(1).setup,
    apart: true,
    hasProc: true,
    pace: { call: 0.01, sync: 0.5, look: 0.001 },
    anchors: { kinds: ['file'], keeping: 'newest', isHere: false },
    config: {
      ...anchoredScheduleOf(1).setup.config,
      anchors: ['/anchor/a.jsonl'],
      checkpointMaxRecords: 5,
      checkpointMaxSeconds: 1,
      maxPendingBytes: 16_777_216,
    },
  };
  const write: Step = { do: 'write', lines: 8, bytes: 40, together: false };
  const first: readonly Step[] = [{ do: 'start' }, write, { do: 'close', lines: 0 }, { do: 'wait', ms: 4_000 }, { do: 'exit' }];
  const dies: Step = { do: 'anchor', which: 0, mood: 'hangs' };
  const close: Step = { do: 'close', lines: 0 };
  const end: readonly Step[] = [close, { do: 'wait', ms: 4_000 }, { do: 'exit' }];
  const run = async (steps: readonly Step[]) => {
    const schedule = { seed: 1, setup, steps: [...first, ...steps] };
    // nothing blocks the process, no second call hangs, close() ends, every line is sealed
    expect((await simulate(tree, schedule)).violations).toEqual([]);
    const { runs } = await played(tree, schedule, false);
    const last = runs.at(-1);
    if (last === undefined) throw new Error('there was no start');
    return { ...last, took: (last.readyAt ?? Number.POSITIVE_INFINITY) - last.startedAt };
  };

  it('before a start: that goes on after 5 seconds, with a warning', async () => {
    const { took, told, closeTook, ending } = await run([dies, { do: 'start' }, write, { do: 'wait', ms: 60_000 }, ...end]);
    expect(took).toBeGreaterThan(5_000);
    expect(took).toBeLessThan(5_200);
    expect(told[0]).toMatch(/a\.jsonl could not be asked for its newest checkpoint: .* no answer within 5000 ms/);
    expect(told).toContainEqual(expect.stringMatching(/did not accept a checkpoint: .* no answer within 10000 ms/));
    expect(ending).toBe('closed');
    expect(closeTook).toBeLessThan(3_500);
  });

  it('before a start that is closed at once: its lines are sealed', async () => {
    const { told, stats } = await run([dies, { do: 'start' }, write, ...end]);
    expect(told[0]).toMatch(/could not be asked .* no answer before the log was closed/);
    expect(stats?.kept).toBe(0);
  });

  it('while it is written to: lines are sealed, and close() ends', async () => {
    const { took, told, closeTook } = await run([{ do: 'start' }, write, { do: 'wait', ms: 1_000 }, dies, write, { do: 'wait', ms: 30_000 }, { do: 'flush' }, ...end]);
    expect(took).toBeLessThan(200);
    expect(told).toContainEqual(expect.stringMatching(/did not accept a checkpoint/));
    expect(closeTook).toBeLessThan(3_500);
  });

  it('that answers again gets what it missed, once', async () => {
    const lives: Step = { do: 'anchor', which: 0, mood: 'well' };
    const dead: readonly Step[] = [{ do: 'start' }, write, { do: 'wait', ms: 1_000 }, dies, write, { do: 'wait', ms: 30_000 }];
    const schedule = { seed: 1, setup, steps: [...first, ...dead, lives, write, { do: 'wait', ms: 3_000 } as const, ...end] };
    const { anchored } = await played(tree, schedule, false);
    const notes = anchored?.places[0]?.notes('origin') ?? [];
    expect(new Set(notes).size).toBe(notes.length);
    expect(notes).toContain(anchored?.last);
  });
}); // biome-ignore format: short
