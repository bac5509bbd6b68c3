/** How many of equal cases a test takes: some in the quick tier, all of them in the nightly one (scripts/test/nightly.mjs). */
const all = process.env['FAPILOG_TEST_CASES'] === 'all';

/** Of cases that differ in their place alone, one in `every`, the first and the last among them; at night all. */
export function someOf<T>(cases: readonly T[], every: number): readonly T[] {
  return all ? cases : cases.filter((_, at) => at % every === 0 || at === cases.length - 1);
}

/** How often a random case is repeated. */
export const times = (quick: number, nightly: number): number => (all ? nightly : quick);
