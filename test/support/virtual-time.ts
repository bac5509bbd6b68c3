import { setTimeout as wait } from 'node:timers/promises';
import type { FakeClock } from '../../src/testing/index.ts';

/** Deadlines are at least this far away in tests on virtual time, pauses between attempts are nearer; in milliseconds. */
const DEADLINE_MS = 30_000;

/** Deadlines that only virtual time ends: the machine may be as slow as it is. */
export const virtualDeadlines = { timeoutMs: 300_000, attemptTimeoutMs: 60_000 } as const;

async function nextTimer(clock: FakeClock): Promise<number> {
  for (;;) {
    if (clock.nextIn !== undefined) return clock.nextIn;
    await wait(2);
  }
}

/** Resolves with how long the next pause is, once something waits that is no deadline; in milliseconds. */
export async function nextPause(clock: FakeClock): Promise<number> {
  for (;;) {
    const next = await nextTimer(clock);
    if (next < DEADLINE_MS) return next;
    await wait(2);
  }
}

/** Settles as the call does, lets the pauses between its attempts pass, and no deadline. */
export async function passingPauses<T>(clock: FakeClock, call: Promise<T>): Promise<T> {
  return passing(clock, call, (next) => next < DEADLINE_MS);
}

/** Settles as the call does, and lets all time pass that it takes. */
export async function passingTime<T>(clock: FakeClock, call: Promise<T>): Promise<T> {
  return passing(clock, call, () => true);
}

async function passing<T>(clock: FakeClock, call: Promise<T>, passes: (next: number) => boolean): Promise<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  call.then(settle, settle);
  while (!settled) {
    const next = clock.nextIn;
    if (next !== undefined && passes(next)) await clock.advance(next);
    else await wait(2);
  }
  return call;
}

/** Lets time pass until it is told to stop: while nothing answers all of it, else the pauses between attempts. */
export function letTimePass(clock: FakeClock, answers: boolean): () => Promise<void> {
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const passed = answers ? passingPauses(clock, stopped) : passingTime(clock, stopped);
  return async () => {
    stop();
    await passed;
  };
}
