import { expect, it } from 'vitest';
import { lockRounds } from '../support/lock-rounds.ts';

const ROUNDS = Number(process.env['LOCK_ROUNDS'] ?? 150);

it(`${ROUNDS} rounds of kill, terminate, pause, new host name and new name space: never two writers, never locked for ever`, async () => {
  const { taken, refused, mostLooks, looksOfALease, disorder, late, lost } = await lockRounds(ROUNDS);
  console.log({ taken, refused, mostLooks, lost, late });
  expect(taken).toBeGreaterThan(ROUNDS / 5);
  expect(disorder).toEqual([]);
  const { LOCKED: _, FOREIGN_WRITE: found = 0, ...others } = lost;
  expect(others).toEqual({});
  expect(found).toBeLessThanOrEqual(late.length); // whoever holds the lock by then finds the line that came late
  expect(mostLooks).toBeLessThan(looksOfALease * 5);
}, 3_600_000);
