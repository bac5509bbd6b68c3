import { afterAll, beforeAll, expect, it } from 'vitest';
import { sealTapes, type Tapes } from './tapes.ts';
import { live } from './world.ts';

/** A short share of the nights; `npm run nights` lives through as many as one likes. */

const real = Date.now;
let tapes: Tapes;

beforeAll(async () => {
  tapes = await sealTapes();
  Date.now = () => real() + 3_600_000; // what was written an hour ago is settled
});
afterAll(() => {
  Date.now = real;
});

// an audit that trusted names, listings or a run's name said ok in each of these
it.each([2, 9, 35, 38, 48, 63, 76, 105, 107, 133])(
  'world %i: no audit says ok where a verification would not',
  async (seed) => {
    const { nights, violations } = await live(seed, tapes);
    expect(violations).toEqual([]);
    expect(nights).toBeGreaterThan(3);
  },
);
