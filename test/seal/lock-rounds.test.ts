import { expect, it } from 'vitest';
import { lockRounds } from '../support/lock-rounds.ts';

it('10 rounds of kill, terminate, pause, new host name and new name space: never two writers, never locked for ever', async () => {
  const { taken, mostLooks, looksOfALease, disorder, lost } = await lockRounds(10);
  expect(taken).toBeGreaterThan(0);
  expect(disorder).toEqual([]);
  expect(Object.keys(lost).filter((code) => code !== 'LOCKED')).toEqual([]);
  expect(mostLooks).toBeLessThan(looksOfALease * 5); // a starter that is held up itself begins to count anew
}, 180_000);
