import type { Timestamp } from '../verify/auditor/options.ts';

/** Time stamps that were verified: one that somebody made up would date whatever he likes. */
const loaded = new WeakSet<object>();

/** Remembers one that was verified. */
export function rememberTimestamp(timestamp: Timestamp): Timestamp {
  const frozen = Object.freeze({ ...timestamp });
  loaded.add(frozen);
  return frozen;
}

/** Whether `loadTimestamp` made it. */
export function isLoadedTimestamp(value: unknown): value is Timestamp {
  return typeof value === 'object' && value !== null && loaded.has(value);
}
