import { type Clock, systemClock } from './clock.ts';

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
