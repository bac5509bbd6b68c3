import { TamperError } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';

/** How one call to a key service is bounded. */
export interface DeadlineOptions {
  /** What is being done, for the message: `vault sign "transit/keys/audit"`. */
  readonly what: string;
  /** How long it may take, in milliseconds; at most 2^31-1. */
  readonly timeoutMs: number;
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  /** Whether the process stays alive until the deadline, also where `call` holds nothing open. Default true. */
  readonly keepAlive?: boolean;
}

/**
 * Runs `call` with a signal that fires at the deadline or when the caller aborts, and ends at that moment even if `call`
 * ignores the signal; its late answer is dropped.
 *
 * @throws {TamperError} `TIMEOUT` (retryable) at the deadline; `ABORTED` when the caller's signal fires, before or during
 */
export async function withDeadline<T>(options: DeadlineOptions, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { what, timeoutMs, signal: outer, clock = systemClock, keepAlive = true } = options;
  throwIfAborted(what, outer);
  const inner = new AbortController();
  let end = (_error: TamperError): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = (error) => {
      reject(error); // first, so that the race is decided by us and not by the call's own AbortError
      inner.abort(error);
    };
  });
  const onAbort = (): void => end(aborted(what, outer));
  outer?.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.after(timeoutMs, () => end(timedOut(what, timeoutMs)), keepAlive);
  const answer = (async () => call(inner.signal))();
  answer.catch(() => undefined); // a failure after the race has ended is nobody's
  try {
    return await Promise.race([ended, answer]);
  } finally {
    cancel();
    outer?.removeEventListener('abort', onAbort);
  }
}

/** The error of a call that took too long: `TIMEOUT`, retryable. */
export function timedOut(what: string, timeoutMs: number, cause?: unknown): TamperError {
  return new TamperError('TIMEOUT', `${what}: no answer within ${timeoutMs} ms`, {
    cause,
    retryable: true,
    hint: 'Check that the key service can be reached; `fapilog-tamper doctor` measures its latency.',
  });
}

/** Refuses to begin what the caller has given up already: throws {@link TamperError} `ABORTED`. */
export function throwIfAborted(what: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(what, signal);
}

/** The error of a call whose caller gave it up: `ABORTED`. */
export function aborted(what: string, signal?: AbortSignal): TamperError {
  return new TamperError('ABORTED', `${what}: aborted by the caller`, { cause: signal?.reason });
}
