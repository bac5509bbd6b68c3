import type { Limited } from '../model/allowance.ts';
import type { StreamState } from './state.ts';

/** A bound of the reader is reached: what follows in the stream is not read, and cannot be decided (M8.25). */
export function stopAtLimit(state: StreamState, message: string, seq?: number): void {
  state.find('LIMIT', `${message}; nothing from here on can be decided. Verify the files in parts.`, seq);
  state.coverage.stop();
}

/** A bound of the reader is reached, and the reading goes on without what it limits: one finding of a stream says so. */
export function sayOnce(state: StreamState, what: Limited, message: string): void {
  if (!state.coverage.lacks(what)) state.find('LIMIT', message);
  state.coverage.reachLimit(what);
}
