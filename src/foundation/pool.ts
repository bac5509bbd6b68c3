import { setMaxListeners } from 'node:events';

/** How many calls a provider has under way at once for one batch. */
export const defaultConcurrency = 16;

/**
 * Maps `items` in order with at most `concurrency` calls under way; all or nothing. After the first failure no further
 * call starts, the signal of those under way fires, and when they have ended the first failure is thrown.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  concurrency: number,
  call: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  // not AbortSignal.any: a signal that lives as long as a writer would remember each batch
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one listener per call under way is no leak
  const onAbort = (): void => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const results: R[] = new Array<R>(items.length);
  const queue = items.entries();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      try {
        results[index] = await call(item, stop.signal);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
      if (failures.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, items.length)) }, worker));
  signal?.removeEventListener('abort', onAbort);
  if (failures.length > 0) throw failures[0];
  return results;
}
