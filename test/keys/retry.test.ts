import { expect, test } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { clampDelay } from '../../src/foundation/clock.ts';
import { withDeadline } from '../../src/foundation/deadline.ts';
import { parseRetryAfter, withRetry } from '../../src/keys/retry.ts';
import { FakeClock } from '../../src/testing/index.ts';

const unavailable = (retryAfterMs?: number): TamperError =>
  new TamperError('UNAVAILABLE', 'away', {
    retryable: true,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
const never = (): Promise<never> => new Promise<never>(() => undefined);
const code = (error: unknown): string => (error instanceof TamperError ? error.code : String(error));

test('a call that ignores its signal still ends at the deadline', async () => {
  const clock = new FakeClock();
  const seen: AbortSignal[] = [];
  const call = withDeadline({ what: 'call', timeoutMs: 500, clock }, (signal) => {
    seen.push(signal);
    return never();
  }).catch(code);
  await clock.advance(499);
  expect(seen[0]?.aborted).toBe(false);
  await clock.advance(1);
  expect(await call).toBe('TIMEOUT');
  expect(seen[0]?.aborted).toBe(true);
  expect(clock.waiting).toBe(0);
});

test('the caller ends a call with ABORTED, before or during', async () => {
  const clock = new FakeClock();
  let calls = 0;
  const early = withDeadline({ what: 'call', timeoutMs: 500, clock, signal: AbortSignal.abort() }, async () => {
    calls += 1;
  });
  await expect(early).rejects.toMatchObject({ code: 'ABORTED' });
  expect(calls).toBe(0);
  const controller = new AbortController();
  const during = withDeadline({ what: 'call', timeoutMs: 500, clock, signal: controller.signal }, never).catch(code);
  await clock.advance(10);
  controller.abort();
  expect(await during).toBe('ABORTED');
  expect(clock.waiting).toBe(0);
});

test('a call that honours its signal by an AbortError of its own is still a TIMEOUT', async () => {
  const clock = new FakeClock();
  const call = withDeadline({ what: 'call', timeoutMs: 5, clock }, (signal) => {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('AbortError'))));
  }).catch(code);
  await clock.advance(5);
  expect(await call).toBe('TIMEOUT');
});

test('retries what is retryable, with full jitter, as often as it may', async () => {
  const clock = new FakeClock();
  const at: number[] = [];
  const start = clock.now();
  const policy = { attempts: 4, baseDelayMs: 100, maxDelayMs: 250 };
  const call = withRetry({ what: 'call', timeoutMs: 10_000, clock, policy, random: () => 0.5 }, async () => {
    at.push(clock.now() - start);
    throw unavailable();
  }).catch(code);
  await clock.advance(10_000);
  expect(await call).toBe('UNAVAILABLE');
  expect(at).toEqual([0, 50, 150, 275]);
});

test.each(['ACCESS_DENIED', 'KEY_NOT_FOUND', 'ABORTED'] as const)('never repeats %s', async (fatal) => {
  let calls = 0;
  const call = withRetry({ what: 'call', timeoutMs: 1_000, clock: new FakeClock() }, async () => {
    calls += 1;
    throw new TamperError(fatal, 'no');
  });
  await expect(call).rejects.toMatchObject({ code: fatal });
  expect(calls).toBe(1);
});

test('waits as long as the service asks, and not at all where that would pass the deadline', async () => {
  const clock = new FakeClock();
  const at: number[] = [];
  const start = clock.now();
  const patient = withRetry({ what: 'call', timeoutMs: 10_000, clock, random: () => 0 }, async (_, attempt) => {
    at.push(clock.now() - start);
    if (attempt === 1) throw unavailable(3_000);
    return 'done';
  });
  await clock.advance(3_000);
  expect(await patient).toBe('done');
  expect(at).toEqual([0, 3_000]);
  const hopeless = withRetry({ what: 'call', timeoutMs: 10_000, clock }, async () => {
    throw unavailable(20_000);
  });
  await expect(hopeless).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('the deadline covers attempts and waits together', async () => {
  const clock = new FakeClock();
  let calls = 0;
  const bounds = { what: 'call', timeoutMs: 1_000, attemptTimeoutMs: 400, clock, random: () => 0 };
  const call = withRetry({ ...bounds, policy: { attempts: 9, baseDelayMs: 1, maxDelayMs: 1 } }, () => {
    calls += 1;
    return never();
  }).catch(code);
  await clock.advance(999);
  expect(calls).toBe(3);
  await clock.advance(1);
  expect(await call).toBe('TIMEOUT');
});

test('the caller ends the wait between attempts', async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const bounds = { what: 'call', timeoutMs: 10_000, clock, random: () => 0.9, signal: controller.signal };
  const call = withRetry(bounds, async () => {
    throw unavailable();
  }).catch(code);
  await clock.advance(1);
  controller.abort();
  expect(await call).toBe('ABORTED');
  expect(clock.waiting).toBe(0);
});

test('delays are clamped to what a timer can do', () => {
  expect(clampDelay(768 * 3_600_000 * 0.8)).toBe(2 ** 31 - 1);
  expect(clampDelay(Number.POSITIVE_INFINITY)).toBe(2 ** 31 - 1);
  expect(clampDelay(-1)).toBe(0);
  expect(clampDelay(Number.NaN)).toBe(0);
  expect(clampDelay(0.2)).toBe(1);
});

test('reads Retry-After as seconds and as a date', () => {
  const now = Date.UTC(2026, 10, 25, 0, 0, 0);
  expect(parseRetryAfter('7', now)).toBe(7_000);
  expect(parseRetryAfter('Wed, 25 Nov 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(parseRetryAfter('Wed, 25 Nov 2020 00:00:30 GMT', now)).toBe(0);
  expect(parseRetryAfter('999999999', now)).toBe(3_600_000);
  expect(parseRetryAfter('soon', now)).toBeUndefined();
  expect(parseRetryAfter(undefined, now)).toBeUndefined();
});
