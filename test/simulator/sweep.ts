import { Coverage, type Witness } from './coverage.ts';
import { POSSIBLE } from './faults.ts';
import type { Schedule } from './schedule.ts';
import { simulate } from './simulation.ts';
import type { Tree } from './tree.ts';

/**
 * Every failure at every call: as SQLite's tests of I/O errors do, but by place. Schedules are played once to see which calls of the
 * system the writer makes where; then each of its calls fails in every way that it can, once and until all is well again.
 */

/** A violation, and the schedule that shows it. */
export interface Struck {
  readonly place: string;
  readonly what: string;
  readonly schedule: Schedule;
}

/** What came of a sweep: pairs of a place and a failure, those that were never struck, and what was violated. */
export interface Swept {
  readonly played: number;
  readonly coverage: Coverage;
  readonly violations: readonly Struck[];
}

export async function sweep(
  tree: Tree,
  drawn: (seed: number) => Schedule,
  { from, count }: { readonly from: number; readonly count: number },
): Promise<Swept> {
  const coverage = new Coverage();
  for (let seed = from; seed < from + count; seed++) await simulate(tree, drawn(seed), { coverage });
  const violations: Struck[] = [];
  coverage.onlyStruck = true;
  let played = count;
  // places that only a failure leads to are added on the way
  for (const [place, witnesses] of coverage.witnesses) {
    for (const schedule of witnesses.flatMap((one, at) =>
      struck(one, at === 0 ? [{ times: 1 }, {}] : [{ times: 1 }]),
    )) {
      played++;
      for (const { what } of (await simulate(tree, schedule, { coverage })).violations)
        violations.push({ place, what, schedule });
    }
  }
  return { played, coverage, violations };
}

/** The schedule with each failure of this call. @param lasting - once, or from then on */
function struck({ schedule, step, on, operation, skip }: Witness, lasting: readonly { times?: number }[]): Schedule[] {
  return POSSIBLE[operation].flatMap((errno) =>
    lasting.map((lasts) => ({
      ...schedule,
      steps: schedule.steps.toSpliced(step + 1, 0, {
        do: 'fault',
        fault: { on, errno, operations: [operation], skip, ...lasts },
      }),
    })),
  );
}
