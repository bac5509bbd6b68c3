import { expect, test } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { type KeyEvent, onKeyEvent } from '../../src/index.ts';
import { callService } from '../../src/keys/call.ts';

const service = { operation: 'sign', source: 'vault', keyId: 'audit', timeoutMs: 1_000 } as const;

test('one event for one use, with the facts and the number of attempts', async () => {
  const events: KeyEvent[] = [];
  const end = onKeyEvent((event) => events.push(event));
  await callService(service, async (_, facts) => {
    facts.identity = 'transit/keys/audit:v2';
    facts.requestId = 'r-1';
    if (facts.attempts === 1) throw new TamperError('UNAVAILABLE', 'away', { retryable: true });
    return 'signature bytes';
  });
  end();
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    operation: 'sign',
    source: 'vault',
    keyId: 'audit',
    identity: 'transit/keys/audit:v2',
    requestId: 'r-1',
    attempts: 2,
    outcome: 'ok',
  });
  expect(JSON.stringify(events)).not.toContain('signature bytes');
});

test("a failure is an event with the error's code and request id, and passes through unchanged", async () => {
  const events: KeyEvent[] = [];
  const end = onKeyEvent((event) => events.push(event));
  const denied = new TamperError('ACCESS_DENIED', 'no', { requestId: 'r-2' });
  await expect(callService(service, () => Promise.reject(denied))).rejects.toBe(denied);
  const bug = new RangeError('ours');
  await expect(callService(service, () => Promise.reject(bug))).rejects.toBe(bug);
  end();
  expect(events.map((event) => [event.outcome, event.requestId])).toEqual([
    ['ACCESS_DENIED', 'r-2'],
    ['INTERNAL', undefined],
  ]);
});
