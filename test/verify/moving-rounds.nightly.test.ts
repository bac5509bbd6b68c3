import { describe, expect, it } from 'vitest';
import { movingRounds } from '../support/moving-rounds.ts';

const ROUNDS = Number(process.env['MOVING_ROUNDS'] ?? 12);

describe('a log whose files another process closes as fast as it can', () => {
  it.each([
    { how: 'renamed', compressed: false },
    { how: 'compressed', compressed: true },
    { how: 'renamed, the oldest deleted', compressed: false, keep: 40 },
    { how: 'compressed, the oldest deleted', compressed: true, keep: 40 },
  ])(`is ok in ${ROUNDS} rounds: $how`, async ({ how: _, ...moves }) => {
    const { codes, said } = await movingRounds({ ...moves, rounds: ROUNDS });
    expect(said).toEqual([]);
    expect(codes).toEqual({ 'verify 0': ROUNDS / 2, 'cat 0': ROUNDS / 2 });
  });
});
