import { describe, expect, it } from 'vitest';
import { movingRounds } from '../support/moving-rounds.ts';

const ROUNDS = 4;

describe('a log whose files another process closes as fast as it can', () => {
  it.each([
    { how: 'renamed', compressed: false },
    { how: 'compressed', compressed: true },
    { how: 'renamed, the oldest deleted', compressed: false, keep: 40 },
    { how: 'compressed, the oldest deleted', compressed: true, keep: 40 },
  ])('is ok in every round: $how', { timeout: 120_000 }, async ({ how: _, ...moves }) => {
    const { codes, said, closed } = await movingRounds({ ...moves, rounds: ROUNDS });
    expect(said).toEqual([]);
    expect(codes).toEqual({ 'verify 0': Math.ceil(ROUNDS / 2), 'cat 0': Math.floor(ROUNDS / 2) });
    expect(closed).toBeGreaterThan(2 * ROUNDS);
  });
});
