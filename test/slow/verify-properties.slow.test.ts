import { describe, expect, it } from 'vitest';
import { bitFlips, expectFound, moves, subjects, untouchedReport } from '../support/mutations.ts';

// M9.2: with all keys in hand every change of an entry is found at its place.
describe.each(subjects())('every change of a log sealed with $name', (subject) => {
  it('single bits of every line', async () => {
    const untouched = await untouchedReport(subject);
    let cases = 0;
    for (const mutation of bitFlips(subject, 9)) {
      await expectFound(subject, untouched, mutation);
      cases++;
    }
    expect(cases).toBeGreaterThan(6_000);
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
