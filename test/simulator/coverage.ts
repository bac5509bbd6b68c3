import { type Disk, type Operation, POSSIBLE } from './faults.ts';
import type { Life } from './life.ts';
import type { Schedule, Step } from './schedule.ts';

/** What the writer does, by the functions that are on the stack. */
const PHASES: readonly (readonly [phase: string, functions: RegExp])[] = [
  ['rotation', /goOnRotating|\brotate\b|nextFile|pointTo|announce \(|#chainNow/],
  ['hand-over', /handOver|HandOver/],
  ['drain', /\bdrain\b|#drain/],
];
/** How many schedules are kept for a place that they come to. */
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
  readonly counts: Map<string, number> = new Map();
  /** Schedules that come to a place, by `site operation phase`. */
  readonly witnesses: Map<string, Witness[]> = new Map();
  #schedule: Schedule | undefined;
  #step = -1;
  /** How many calls there were since nothing was wrong. */
  readonly #calls = new Map<string, number>();

  /** From now on only calls that are struck are looked at. To see where a call comes from costs more than the call. */
  onlyStruck: boolean = false;

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
    const skip = this.#counted(`${on} ${operation}`);
    if (this.onlyStruck && errno === undefined) return;
    const stack = (new Error().stack ?? '').split('\n').slice(3);
    const writer = stack.filter((line) => line.includes('writer.js'));
    const site = /at (?:async )?(?:new )?(\S+)/.exec(writer[0] ?? '')?.[1] ?? 'later';
    const state = life.phase;
    const seen = PHASES.find(([, functions]) => writer.some((line) => functions.test(line)))?.[0];
    const phase = state === 'run' || state === 'close' ? (seen ?? state) : state;
    this.#witness(`${site}\t${operation}\t${phase}`, { on, operation, skip });
    for (const possible of POSSIBLE[operation]) {
      const key = `${site}\t${operation}\t${possible}\t${phase}`;
      this.counts.set(key, (this.counts.get(key) ?? 0) + (possible === errno ? 1 : 0));
    }
  }

  /** @returns how many there were before */
  #counted(calls: string): number {
    const before = this.#calls.get(calls) ?? 0;
    this.#calls.set(calls, before + 1);
    return before;
  }

  #witness(place: string, call: Pick<Witness, 'on' | 'operation' | 'skip'>): void {
    const schedule = this.#schedule;
    if (schedule === undefined) return;
    const known = this.witnesses.get(place) ?? [];
    if (known.length === 0) this.witnesses.set(place, known);
    const isNew = this.onlyStruck ? known.length === 0 : known.at(-1)?.schedule !== schedule;
    if (isNew && known.length < WITNESSES) known.push({ ...call, schedule, step: this.#step });
  }
}
