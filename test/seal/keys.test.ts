import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, type MockInstance, vi } from 'vitest';
import type { SealerOptions } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/index.ts';
import { audit, read, start, workplace } from './workplace.ts';

const modes: Record<string, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};

/** A workplace whose time stands still until it is moved. */
function timed() {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
  const place = workplace(['audit', 'sign'], clock);
  return { ...place, clock, options: (): SealerOptions => ({ ...place.options(), clock }) };
}

/** Moves time in steps of a second until something is true. */
async function until(clock: FakeClock, isTrue: () => boolean, seconds = 1_000): Promise<void> {
  for (let second = 0; second < seconds && !isTrue(); second++) await clock.advance(1_000);
  expect(isTrue()).toBe(true);
}

/** The longest wait of the system's clock that was asked for, in milliseconds. */
function longestOf(waits: MockInstance<typeof setTimeout>): number {
  const longest = Math.max(...waits.mock.calls.map(([, ms]) => ms ?? 0));
  waits.mockRestore();
  return longest;
}

describe.each(Object.entries(modes))('keys that change, sealed with %s', (_name, extra) => {
  it('hands over to a new version while lines flow; both periods verify', async () => {
    const { clock, directory, file, options, provider } = timed();
    const sealer = start({ ...options(), ...extra });
    await sealer.ready;
    const kids: string[] = [];
    sealer.on('handover', ({ to }) => kids.push(to));
    for (let version = 0; version < 3; version++) {
      sealer.write(`{"version":${version}}`);
      provider.rotate('audit');
      await until(clock, () => kids.length === version + 1);
    }
    sealer.write('{"last":true}');
    await sealer.close();
    const stream = await read([file], provider);
    expect(stream.entries.filter(({ kind }) => kind === 'key')).toHaveLength(3);
    expect(stream.entries.filter(({ kind }) => kind === 'open')).toHaveLength(1);
    const report = await audit(directory, provider);
    expect(report.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
    expect(report.streams[0]?.keys).toHaveLength(4);
  });

  it('ends a key period at its age', async () => {
    const { clock, directory, options, provider } = timed();
    const sealer = start({ ...options(), ...extra, maxEpochSeconds: 3_600 });
    await sealer.ready;
    let handovers = 0;
    sealer.on('handover', () => handovers++);
    await until(clock, () => handovers === 1, 3_700);
    await sealer.close();
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('an unchanged key begins no new period', async () => {
    const { clock, options } = timed();
    const sealer = start({ ...options(), ...extra });
    await sealer.ready;
    let handovers = 0;
    sealer.on('handover', () => handovers++);
    await clock.advance(3_000_000);
    expect(handovers).toBe(0);
    await sealer.close();
  });
});

describe.each([
  ['signing', modes['signing']],
  ['both', modes['both']],
] as const)('a key service that is away, sealed with %s', (name, extra) => {
  it('sealing goes on, a gap says since when, and one late signature covers all', async () => {
    const { clock, directory, file, options, provider } = timed();
    const sealer = start({ ...options(), ...extra, checkpointMaxSeconds: 10 });
    await sealer.flush();
    provider.faults.failWith('UNAVAILABLE');
    const outage = once(sealer, 'outage');
    for (let n = 0; n < 20; n++) {
      sealer.write(`{"n":${n}}`);
      await clock.advance(5_000);
    }
    await outage;
    const before = provider.calls('sign');
    await clock.advance(600_000);
    expect(provider.calls('sign') - before).toBeLessThan(40); // bounded, never stacked
    provider.faults.heal();
    await sealer.flush();
    expect(sealer.stats.covered).toBe(sealer.stats.size);
    await sealer.close();
    const stream = await read([file], provider);
    const gaps = stream.entries.filter((entry) => entry.kind === 'gap' && entry.why === 'key_service');
    expect(gaps).toHaveLength(1); // one outage, whoever notices it
    expect(stream.checkpoints.some(({ mac, signed }) => mac && !signed)).toBe(name === 'both');
    const report = await audit(directory, provider);
    expect(report.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
    expect(report.streams[0]?.records).toBe(20);
  });

  it('on_kms_failure: stop ends the log with what was taken sealed', async () => {
    const { clock, directory, options, provider } = timed();
    const sealer = start({
      ...options(),
      ...extra,
      onKmsFailure: 'stop',
      onFailure: 'throw',
      checkpointMaxSeconds: 10,
    });
    const failed = once(sealer, 'error');
    await sealer.flush();
    provider.faults.failWith('UNAVAILABLE');
    sealer.write('{"n":1}');
    await clock.advance(11_000);
    expect((await failed)[0]).toMatchObject({ code: 'KEY_SERVICE_STOP' });
    expect(() => sealer.write('{"n":2}')).toThrowError(expect.objectContaining({ code: 'KEY_SERVICE_STOP' }));
    provider.faults.heal();
    await start({ ...options(), ...extra }).close();
    const report = await audit(directory, provider);
    expect(report.streams[0]?.records).toBe(1);
    expect(report.verdict).not.toBe('tampered');
  });

  it('max_unsigned_seconds turns continue into stop', async () => {
    const { clock, options, provider } = timed();
    const sealer = start({ ...options(), ...extra, maxUnsignedSeconds: 120, checkpointMaxSeconds: 10 });
    const failed = once(sealer, 'error');
    await sealer.flush();
    provider.faults.failWith('UNAVAILABLE');
    const outage = once(sealer, 'outage');
    sealer.write('{"n":1}');
    await clock.advance(11_000);
    await outage;
    await clock.advance(60_000);
    expect(sealer.write('{"n":2}')).toBe(true);
    await clock.advance(120_000);
    expect((await failed)[0]).toMatchObject({ code: 'KEY_SERVICE_STOP' });
  });

  it('a signature of another key than the one announced is never written', async () => {
    const { clock, directory, file, options, provider } = timed();
    const sealer = start({ ...options(), ...extra, checkpointMaxSeconds: 10 });
    await sealer.flush();
    provider.faults.lie('wrong-key');
    const outage = once(sealer, 'outage');
    sealer.write('{"n":1}');
    await clock.advance(11_000);
    expect((await outage)[0].error).toMatchObject({ code: 'SIGNATURE_REJECTED' });
    provider.faults.heal();
    await sealer.close();
    await read([file], provider); // throws at a signature that does not verify
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('a close that gets no signature ends within 5 seconds, and the next start adopts', async () => {
    const { directory, file, options, provider } = timed();
    const sealer = start({ ...options(), ...extra });
    await sealer.flush();
    sealer.write('{"n":1}');
    provider.faults.hang();
    const waits = vi.spyOn(globalThis, 'setTimeout');
    await sealer.close(); // the service's own time stands still: only the end's can pass
    expect(longestOf(waits)).toBeLessThan(5_000);
    provider.faults.heal();
    await start({ ...options(), ...extra }).close();
    expect((await read([file], provider)).opens[1]).toMatchObject({ why: 'resumed', adoptedFrom: 3 });
    expect((await audit(directory, provider)).verdict).toBe(name === 'both' ? 'ok' : 'undecided');
  });
});

describe('before the first key', () => {
  it('lines wait, then are sealed with a gap that says since when', async () => {
    const { clock, directory, file, options, provider } = timed();
    provider.faults.failWith('UNAVAILABLE');
    const sealer = start(options());
    for (let n = 0; n < 10; n++) expect(sealer.write(`{"n":${n}}`)).toBe(true);
    await clock.advance(20_000);
    expect(sealer.stats).toMatchObject({ pendingBytes: 0, waitsFor: 'key' }); // they wait on the disk
    provider.faults.heal();
    await clock.advance(60_000);
    await sealer.flush();
    await sealer.close();
    const stream = await read([file], provider);
    expect(stream.entries.map(({ kind }) => kind).slice(0, 4)).toEqual(['open', 'seal', 'gap', 'record']);
    expect((await audit(directory, provider)).streams[0]?.records).toBe(10);
  });

  it('up to max_pending_bytes; what comes beyond is counted in a gap, and the producer is told', async () => {
    const { clock, file, options, provider } = timed();
    provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...options(), maxPendingBytes: 1_048_576 });
    const warned = once(sealer, 'warning');
    const line = `{"pad":"${'x'.repeat(1000)}"}`;
    let taken = 0;
    while (sealer.write(line)) taken++;
    for (let n = 0; n < 5; n++) expect(sealer.write(line)).toBe(false);
    expect((await warned)[0]).toMatchObject({ code: 'PENDING_OVERFLOW' });
    const drained = once(sealer, 'drain');
    provider.faults.heal();
    await until(clock, () => sealer.stats.pendingBytes === 0);
    await drained;
    await expect(sealer.close()).rejects.toMatchObject({ code: 'PENDING_OVERFLOW', lines: 5 });
    const stream = await read([file], provider);
    expect(stream.entries.filter(({ kind }) => kind === 'record')).toHaveLength(taken + 1);
    expect(stream.entries.find((entry) => entry.kind === 'gap' && entry.why === 'overflow')).toMatchObject({
      dropped: 5,
    });
  });

  it('a refusal ends it, and the lines are kept for the next start', async () => {
    const { directory, file, options, provider } = workplace();
    provider.faults.failWith('ACCESS_DENIED');
    const sealer = start(options());
    sealer.write('{"n":1}');
    await expect(sealer.ready).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(readdirSync(join(directory, 'state')).filter((name) => name.includes('.unsealed-'))).toHaveLength(1);
    provider.faults.heal();
    await start(options()).close();
    expect(readdirSync(join(directory, 'state')).filter((name) => name.includes('.unsealed-'))).toHaveLength(0);
    const stream = await read([file], provider);
    expect(stream.entries.filter(({ kind }) => kind === 'record')).toEqual([{ kind: 'record', line: '{"n":1}' }]);
  });

  it('on_start_failure: stop does not wait', async () => {
    const { options, provider } = workplace();
    provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...options(), onStartFailure: 'stop' });
    await expect(sealer.ready).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('a key service that hangs blocks no exit', async () => {
    const { directory, options, provider } = timed();
    provider.faults.hang();
    const sealer = start(options());
    sealer.write('{"n":1}');
    const waits = vi.spyOn(globalThis, 'setTimeout');
    await sealer.close();
    expect(longestOf(waits)).toBeLessThan(5_000);
    const [kept] = readdirSync(join(directory, 'state')).filter((name) => name.includes('.unsealed-'));
    expect(readFileSync(join(directory, 'state', kept as string), 'utf8')).toBe('{"n":1}\n');
    provider.faults.heal();
  });
});

it('a seal comes at each heartbeat, and a writer that slept says so', async () => {
  const { clock, directory, file, options, provider } = timed();
  const sealer = start({ ...options(), heartbeatSeconds: 60 });
  await sealer.flush();
  for (let minute = 0; minute < 5; minute++) await clock.advance(60_000);
  await sealer.flush();
  const seals = async (): Promise<number> =>
    (await read([file], provider)).entries.filter(({ kind }) => kind === 'seal').length;
  expect(await seals()).toBeGreaterThanOrEqual(5);
  await sealer.close();
  expect((await audit(directory, provider)).verdict).toBe('ok');
});
