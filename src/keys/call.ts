import { type KeyEventFacts, type KeyEventStart, withKeyEvent } from './events.ts';
import { type RetryOptions, withRetry } from './retry.ts';

/** One use of a key service: what it is, and how it is bounded. */
export interface ServiceCall extends KeyEventStart, Omit<RetryOptions, 'what'> {}

/**
 * Uses a key service once, as every provider does it: one event however it ends, a deadline, the caller's signal, and
 * bounded retries of errors marked `retryable`. `facts.attempts` counts the attempts; the call fills in the rest.
 *
 * @throws what {@link withRetry} throws
 */
export function callService<T>(
  service: ServiceCall,
  call: (signal: AbortSignal, facts: KeyEventFacts) => Promise<T>,
): Promise<T> {
  const { operation, source, keyId, items, ...bounds } = service;
  const start: KeyEventStart = items === undefined ? { operation, source, keyId } : { operation, source, keyId, items };
  return withKeyEvent(start, (facts) =>
    callWithin(facts, { ...bounds, what: `${source} ${operation} "${keyId}"` }, (signal) => call(signal, facts)),
  );
}

/**
 * One call of several within one use of a key service: bounded as {@link callService} bounds it, its attempts counted in
 * the event of the whole.
 *
 * @throws what {@link withRetry} throws
 */
export function callWithin<T>(
  facts: KeyEventFacts,
  bounds: RetryOptions,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withRetry(bounds, (signal) => {
    facts.attempts += 1;
    return call(signal);
  });
}
