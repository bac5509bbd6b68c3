import { type Disk, type Operation, POSSIBLE } from './faults.ts';
import type { Life } from './life.ts';
import type { Schedule, Step } from './schedule.ts';

/** What the writer does, by the functions that are on the stack. */
const PHASES: readonly (readonly [phase: string, functions: RegExp])[] = [
  ['rotation', /goOnRotating|\brotate\b|nextFile|pointTo|announce \(|#chainNow/],
  ['hand-over', /handOver|HandOver/],
  ['drain', /\bdrain\b|#drain/],
];
/** So many schedules are known that come to a place. */
const WITNESSES = 3;

/** A schedule that comes to a place of the writer: with a fault behind `step`, the call after `skip` others like it is struck. */
export interface Witness {
  readonly schedule: Schedule;
  readonly step: number;
  readonly on: Disk;
  readonly operation: Operation;
  readonly skip: number;
}

/** How often each failure struck each place of the writer: `site operation errno phase`. */
export class Coverage {
  readonly counts: Map<string, number>;
  /** Only what is struck is counted, and the places are known. */
  readonly #isKnown: boolean;
  /** Schedules that come to a place, by `site operation phase`. */
  readonly witnesses: Map<string, Witness[]> = new Map();
  #schedule: Schedule | undefined;
  #step = -1;
  /** How many calls there were since nothing was wrong. */
  readonly #calls = new Map<string, number>();

  /** @param counts - of the places that are known */
  constructor(counts?: Map<string, number>) {
    this.counts = counts ?? new Map();
    this.#isKnown = counts !== undefined;
  }

  /** A schedule begins. */
  begin(schedule: Schedule): void {
    this.#schedule = schedule;
    this.#step = -1;
    this.#calls.clear();
  }

  /** It has come to a step. */
  step(index: number, { do: what }: Step): void {
    if (what !== 'heal') return;
    this.#step = index;
    this.#calls.clear();
  }

  /** All its steps are done: nothing strikes any more. */
  end(): void {
    this.#schedule = undefined;
  }

  call(operation: Operation, on: Disk, errno: string | undefined, life: Life): void {
    if (this.#isKnown && errno === undefined) return;
    const stack = (new Error().stack ?? '').split('\n').slice(3);
    const writer = stack.filter((line) => line.includes('writer.js'));
    const site = /at (?:async )?(?:new )?(\S+)/.exec(writer[0] ?? '')?.[1] ?? 'later';
    const state = life.phase;
    const seen = PHASES.find(([, functions]) => writer.some((line) => functions.test(line)))?.[0];
    const phase = state === 'run' || state === 'close' ? (seen ?? state) : state;
    if (!this.#isKnown) this.#witness(`${site}\t${operation}\t${phase}`, operation, on);
    for (const possible of POSSIBLE[operation]) {
      const key = `${site}\t${operation}\t${possible}\t${phase}`;
      this.counts.set(key, (this.counts.get(key) ?? 0) + (possible === errno ? 1 : 0));
    }
  }

  #witness(place: string, operation: Operation, on: Disk): void {
    const schedule = this.#schedule;
    if (schedule === undefined) return;
    const calls = `${on} ${operation}`;
    const skip = this.#calls.get(calls) ?? 0;
    this.#calls.set(calls, skip + 1);
    const known = this.witnesses.get(place) ?? [];
    if (known.length === 0) this.witnesses.set(place, known);
    if (known.length < WITNESSES && known.at(-1)?.schedule !== schedule)
      known.push({ schedule, step: this.#step, on, operation, skip });
  }
}
