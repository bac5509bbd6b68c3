import { expect, it } from 'vitest';
import { lockRounds } from '../support/lock-rounds.ts';

const ROUNDS = Number(process.env['LOCK_ROUNDS'] ?? 150);

it(`${ROUNDS} rounds of kill, terminate, pause, new host name and new name space: never two writers, never locked for ever`, async () => {
  const { taken, refused, mostLooks, looksOfALease, disorder, late, lost } = await lockRounds(ROUNDS);
  console.log({ taken, refused, mostLooks, lost, late });
  expect(taken).toBeGreaterThan(ROUNDS / 5);
  expect(disorder).toEqual([]);
  expect(Object.keys(lost).filter((code) => code !== 'LOCKED')).toEqual([]);
  expect(mostLooks).toBeLessThan(looksOfALease * 5);
}, 3_600_000);
