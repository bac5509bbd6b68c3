import { isTamperError, type TamperError } from '../errors.ts';
import { type Clock, systemClock } from '../foundation/clock.ts';
import { aborted, timedOut, withDeadline } from '../foundation/deadline.ts';

/** How often and how patiently a call is repeated. Only errors marked `retryable` are. */
export interface RetryPolicy {
  /** All attempts together, the first one included; at least 1. Use 1 where an SDK retries already. */
  readonly attempts: number;
  /** The longest wait before the second attempt, in milliseconds; it doubles for each one after. */
  readonly baseDelayMs: number;
  /** No wait is longer than this, in milliseconds, unless the service asked for more (`Retry-After`). */
  readonly maxDelayMs: number;
}

/** The default for services without retries of their own: three attempts, at most 250 ms and 500 ms between them. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 3, baseDelayMs: 250, maxDelayMs: 5_000 };

/** How one use of a key service is bounded and repeated. */
export interface RetryOptions {
  /** What is being done, for messages: `vault sign "transit/keys/audit"`. */
  readonly what: string;
  /** The deadline of everything together, waits included, in milliseconds. */
  readonly timeoutMs: number;
  /** The deadline of one attempt, in milliseconds. Default: `timeoutMs`. */
  readonly attemptTimeoutMs?: number;
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined;
  readonly policy?: RetryPolicy;
  readonly clock?: Clock;
  /** 0 ≤ x < 1; for the jitter. */
  readonly random?: () => number;
}

/**
 * Calls until it works, fails for good, or the deadline or the attempts are used up. Waits with full jitter (a random
 * part of the longest wait), never less than the service asked for; gives up at once where the wait would pass the
 * deadline.
 *
 * @param call - one attempt; `attempt` counts from 1. Its signal fires at the deadline and on the caller's abort
 * @throws the last attempt's own error; or {@link TamperError} `TIMEOUT` at the deadline, `ABORTED` by the caller
 */
export async function withRetry<T>(
  options: RetryOptions,
  call: (signal: AbortSignal, attempt: number) => Promise<T>,
): Promise<T> {
  const { what, timeoutMs, signal, policy = defaultRetryPolicy, clock = systemClock, random = Math.random } = options;
  const endsAt = clock.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    const left = endsAt - clock.now();
    const attemptMs = Math.min(left, options.attemptTimeoutMs ?? left);
    try {
      return await withDeadline({ what, timeoutMs: attemptMs, signal, clock }, (inner) => call(inner, attempt));
    } catch (error) {
      if (!isTamperError(error) || !error.retryable) throw error;
      if (attempt > 1 && error.code === 'TIMEOUT' && clock.now() >= endsAt) throw timedOut(what, timeoutMs, error);
      if (attempt >= policy.attempts) throw error;
      if (clock.now() >= endsAt) throw timedOut(what, timeoutMs, error);
      const delay = backoff(policy, attempt, error, random);
      if (clock.now() + delay >= endsAt) throw error;
      await pause(delay, what, signal, clock);
    }
  }
}

function backoff(policy: RetryPolicy, attempt: number, error: TamperError, random: () => number): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return (error.retryAfterMs ?? 0) + random() * ceiling;
}

/**
 * Waits, unless the signal fires first.
 *
 * @throws {TamperError} `ABORTED` when the signal fires
 */
export function pause(delayMs: number, what: string, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted(what, signal));
      return;
    }
    const wake = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    };
    const cancel = clock.after(delayMs, wake, true);
    const onAbort = (): void => {
      cancel();
      reject(aborted(what, signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Reads a `Retry-After` header: whole seconds, or an HTTP date.
 *
 * @returns milliseconds, at most one hour; undefined where it is absent or unreadable
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}
