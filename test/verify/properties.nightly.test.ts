import { describe, expect, it } from 'vitest';
import { bitFlips, expectFound, moves, subjects, untouchedReport } from '../support/mutations.ts';

/** Every so many bits; prime to 8, so that each place in a byte has its turn. 1 takes every bit, and an hour. */
const STRIDE = Number(process.env['BIT_STRIDE'] ?? 37);

// M9.2: with all keys in hand every change of an entry is found at its place.
describe.each(subjects())('every change of a log sealed with $name', (subject) => {
  it('single bits of every line', async () => {
    const untouched = await untouchedReport(subject);
    let cases = 0;
    for (const mutation of bitFlips(subject, STRIDE)) {
      await expectFound(subject, untouched, mutation);
      cases++;
    }
    expect(cases).toBeGreaterThan(54_000 / STRIDE);
  });

  it('every drop, duplicate, swap and cut of entries', async () => {
    const untouched = await untouchedReport(subject);
    let cases = 0;
    for (const mutation of moves(subject, true)) {
      await expectFound(subject, untouched, mutation);
      cases++;
    }
    expect(cases).toBeGreaterThan(1_000);
  });
});
