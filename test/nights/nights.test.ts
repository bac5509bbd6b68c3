import { afterAll, beforeAll, expect, it } from 'vitest';
import { times } from '../support/tier.ts';
import { sealTapes, type Tapes } from './tapes.ts';
import { live } from './world.ts';

/** A share of the nights; `npm run nights` lives through as many as one likes. */

const real = Date.now;
let tapes: Tapes;

beforeAll(async () => {
  tapes = await sealTapes();
  Date.now = () => real() + 3_600_000; // what was written an hour ago is settled
});
afterAll(() => {
  Date.now = real;
});

// worlds 17, 21, 45, 62 and others: an audit that trusted names, listings or the name of a run said ok there
it('no audit says ok where a verification would not', async () => {
  const violations: string[] = [];
  for (let seed = 1, lived = 0; lived < times(120, 4_000) && violations.length === 0; seed++) {
    const world = await live(seed, tapes);
    lived += world.nights;
    violations.push(...world.violations.map((one) => `world ${seed}: ${one}`));
  }
  expect(violations.join('\n')).toBe('');
}, 1_800_000);
