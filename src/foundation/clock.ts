/** The longest delay that `setTimeout` keeps, in milliseconds; a longer one would fire at once. */
const maxTimerMs: number = 2 ** 31 - 1;

/** Time as the key layer sees it, so that tests can hold it still. */
export interface Clock {
  /** Wall time, in milliseconds since 1970. */
  now(): number;
  /**
   * Calls `fire` once after `delayMs`, clamped to 0 … 2^31-1 ms.
   *
   * @param keepAlive - whether the process stays alive for it: true where somebody awaits the outcome, since a process
   * whose last handle is gone ends in the middle of an `await`. Default false
   * @returns a function that cancels it; safe to call at any time
   */
  after(delayMs: number, fire: () => void, keepAlive?: boolean): () => void;
}

/** The system's clock and timers. Intervals follow the monotonic clock, so that a changed wall clock moves no expiry. */
export const systemClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  after(delayMs, fire, keepAlive = false) {
    const timer = setTimeout(fire, clampDelay(delayMs));
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Brings a delay into what a timer can do: whole milliseconds from 0 to 2^31-1; NaN becomes 0. */
export function clampDelay(delayMs: number): number {
  if (!(delayMs > 0)) return 0;
  return Math.min(Math.ceil(delayMs), maxTimerMs);
}

/** Wall time follows the system's clock, also over a sleep of the machine; timers are the key layer's. */
export const wallClock: Clock = { now: () => Date.now(), after: (ms, fire) => systemClock.after(ms, fire) };

/** A moment as spec 1 writes it (`T`): `2026-11-24T23:00:24.063Z`. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A moment as names carry it (spec 6): `20261124T230024Z`, no character that a file system refuses. */
export function formatStamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
