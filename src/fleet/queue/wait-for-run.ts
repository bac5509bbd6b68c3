import { setTimeout as wait } from 'node:timers/promises';
import { isTamperError } from '../../errors.ts';
import { type Collected, countsOf, type RunCounts } from './collect.ts';

/** How one waits. */
export interface Waiting {
  /** Ends the waiting. */
  readonly stopped: Promise<void>;
  readonly timeoutMs?: number | undefined;
  /** Called at each look. */
  readonly onCounts: (counts: RunCounts) => void;
  /** Called where Redis is away: it is asked again. */
  readonly onTrouble: (why: string) => void;
}

/** Redis is asked at most so often, in milliseconds. */
const LEAST_PAUSE_MS = 500;
/** The pause is so many times as long as a look took, since a look at 100,000 jobs takes seconds. */
const PAUSE_PER_LOOK = 5;

/** Resolves once no stream of a run waits or is being audited. @throws {@link TamperError} as `countsOf`, but for a Redis that is away */
export async function waitForRun(
  collected: Collected,
  { stopped, timeoutMs, onCounts, onTrouble }: Waiting,
): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  void stopped.then(stop);
  const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs);
  try {
    while (!over.signal.aborted) {
      const began = Date.now();
      try {
        const counts = await countsOf(collected);
        onCounts(counts);
        if (counts.waiting + counts.active === 0) return;
      } catch (error) {
        if (!isTamperError(error, 'UNAVAILABLE')) throw error;
        onTrouble(error.message);
      }
      await pause(Math.max(LEAST_PAUSE_MS, (Date.now() - began) * PAUSE_PER_LOOK), over.signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
