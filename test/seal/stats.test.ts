import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { healthOf, type SealerStats } from '../../src/index.ts';
import { start, workplace } from './workplace.ts';

describe('the numbers of a sealer', () => {
  it('say what is signed, by which keys, and what is not', async () => {
    const { options } = workplace(['audit', 'sign']);
    const began = Math.floor(performance.timeOrigin + performance.now());
    const sealer = start({ ...options(), signingKeyId: 'sign' });
    expect(sealer.stats).toMatchObject({ keyId: undefined, keys: [], unsignedEntries: 0, ended: false });
    await sealer.flush();
    const signed = sealer.stats;
    expect(signed).toMatchObject({ unsignedEntries: 0, unsignedSince: undefined, gaps: 0, lastError: undefined });
    expect(signed.keyId).toMatch(/^[\w-]{8}\.1$/);
    expect(signed.keys).toEqual([expect.stringContaining('audit'), expect.stringContaining('sign')]);
    expect(signed.checkpointedAt).toBeGreaterThanOrEqual(began);
    sealer.write('{"n":1}');
    await expect.poll(() => sealer.stats).toMatchObject({ unsignedEntries: 1, unsignedSince: expect.any(Number) });
    await sealer.close();
    expect(sealer.stats).toMatchObject({ unsignedEntries: 0, unsignedSince: undefined, ended: true });
  });

  it('follow an outage of the key service, from its first failure to its end', async () => {
    const { options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), signingKeyId: 'sign' });
    await sealer.flush();
    provider.faults.failWith('UNAVAILABLE');
    const outage = once(sealer, 'outage');
    sealer.write('{"n":1}');
    sealer.flush().catch(() => undefined);
    await outage;
    const during = sealer.stats;
    expect(during).toMatchObject({ gaps: 1, outageSince: expect.any(Number), lastError: { code: 'UNAVAILABLE' } });
    expect(healthOf(during)).toMatchObject({ status: 'degraded', problems: [expect.stringContaining('key service')] });
    provider.faults.heal();
    await sealer.flush();
    expect(sealer.stats).toMatchObject({ outageSince: undefined, unsignedEntries: 0 });
    expect(healthOf(sealer.stats)).toEqual({ status: 'ok', problems: [] });
  });

  it('name the error that ended the log', async () => {
    const { options, provider } = workplace();
    provider.faults.failWith('ACCESS_DENIED');
    const sealer = start(options());
    await once(sealer, 'error');
    expect(sealer.stats).toMatchObject({ ended: true, lastError: { code: 'ACCESS_DENIED', at: expect.any(Number) } });
    expect(healthOf(sealer.stats)).toMatchObject({ status: 'failed' });
  });
});

describe('health', () => {
  it.each([undefined, null, 5, {}, Promise.resolve({})])('of something else (%s) is no health', (given) => {
    expect(() => healthOf(given as never)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  const healthy: SealerStats = {
    origin: 'audit.example.com/test',
    file: 'audit.jsonl',
    size: 10,
    records: 7,
    dropped: 0,
    kept: 0,
    uncounted: 0,
    covered: 10,
    unsignedEntries: 0,
    unsignedSince: undefined,
    checkpointedAt: 1,
    outageSince: undefined,
    gaps: 0,
    keyId: 'abcdefgh.1',
    keys: [],
    lastError: undefined,
    ended: false,
    pendingBytes: 0,
    waitsFor: undefined,
  };

  it.each([
    ['lines wait for the lock', { waitsFor: 'lock' }, 'degraded'],
    ['lines wait for the first key', { waitsFor: 'key' }, 'degraded'],
    ['lines wait for the disk', { waitsFor: 'disk' }, 'degraded'],
    ['lines wait for a reader', { waitsFor: 'reader' }, 'ok'],
    ['lines wait for their turn', { waitsFor: 'turn' }, 'ok'],
    ['entries wait for a signature, not too long', { unsignedSince: 1_000_000 - 299_000 }, 'ok'],
    ['entries wait too long for a signature', { unsignedSince: 1_000_000 - 301_000 }, 'degraded'],
    ['keys fail', { outageSince: 1 }, 'degraded'],
    ['lines are lost that nothing counts', { uncounted: 3 }, 'failed'],
    ['lines were lost that a gap counts', { dropped: 3, gaps: 1 }, 'ok'],
    ['it has ended', { ended: true }, 'failed'],
  ] as const)('where %s', (_name, change, status) => {
    const health = healthOf({ ...healthy, ...change }, { now: 1_000_000 });
    expect(health.status).toBe(status);
    expect(health.problems).toHaveLength(status === 'ok' ? 0 : 1);
  });
});
