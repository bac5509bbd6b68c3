import { expect, test } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { VersionCache, type VersionCacheOptions } from '../../src/keys/version-cache.ts';
import { FakeClock } from '../../src/testing/index.ts';

interface Version {
  readonly identity: string;
}

interface Load {
  readonly name: string;
  answer(identity: string): void;
  fail(code: 'UNAVAILABLE' | 'ACCESS_DENIED'): void;
}

function make(options: Partial<VersionCacheOptions<Version>> = {}) {
  const clock = new FakeClock();
  const loads: Load[] = [];
  const cache = new VersionCache<Version>({
    ttlSeconds: 300,
    clock,
    random: () => 0.5,
    identityOf: (value) => value.identity,
    load: (name) =>
      new Promise((resolve, reject) => {
        loads.push({
          name,
          answer: (identity) => resolve({ identity }),
          fail: (code) => reject(new TamperError(code, 'no')),
        });
      }),
    ...options,
  });
  const load = (index: number): Load => {
    const found = loads[index];
    if (found === undefined) throw new Error(`load ${index} was never asked for`);
    return found;
  };
  return { cache, clock, loads, load };
}

async function warm(identity = 'audit:v1', options: Partial<VersionCacheOptions<Version>> = {}) {
  const made = make(options);
  const first = made.cache.get('audit');
  await made.clock.advance(0);
  made.load(0).answer(identity);
  await first;
  return made;
}

test('callers share one load', async () => {
  const { cache, clock, loads, load } = make();
  const both = Promise.all([cache.get('audit'), cache.get('audit')]);
  await clock.advance(0);
  expect(cache.state('audit')).toMatchObject({ fresh: false, reloading: true });
  load(0).answer('audit:v1');
  expect(await both).toEqual([{ identity: 'audit:v1' }, { identity: 'audit:v1' }]);
  expect(loads).toHaveLength(1);
  expect(cache.state('audit')).toMatchObject({ fresh: true, reloading: false, coolingDown: false, ageMs: 0 });
});

test('refreshes ahead of expiry, off the path of callers, who go on with what is known', async () => {
  const { cache, clock, loads, load } = await warm();
  await clock.advance(239_999);
  expect(loads).toHaveLength(1);
  await clock.advance(1); // 0.7 + 0.2 x 0.5 of 300 s
  expect(loads).toHaveLength(2);
  expect((await cache.get('audit')).identity).toBe('audit:v1');
  load(1).answer('audit:v2');
  await clock.advance(0);
  expect((await cache.get('audit')).identity).toBe('audit:v2');
});

test('the jitter spreads refreshes over 70 to 90 % of the bound', async () => {
  const early = await warm('audit:v1', { random: () => 0 });
  expect(early.clock.nextIn).toBe(210_000);
  const late = await warm('audit:v1', { random: () => 0.999_999 });
  expect(late.clock.nextIn).toBeGreaterThan(269_000);
  expect(late.clock.nextIn).toBeLessThan(270_001);
});

test('never hands out what is older than the bound', async () => {
  const { cache, clock, load } = await warm();
  await clock.advance(240_000);
  load(1).fail('UNAVAILABLE');
  await clock.advance(59_999);
  expect((await cache.get('audit')).identity).toBe('audit:v1');
  await clock.advance(1);
  expect(cache.state('audit').fresh).toBe(false);
  const waiting = cache.get('audit').catch((error: unknown) => error);
  await clock.advance(0);
  load(2).fail('UNAVAILABLE');
  expect(await waiting).toMatchObject({ code: 'UNAVAILABLE' });
});

test('age counts from the question, not from the answer', async () => {
  const { cache, clock, load } = make();
  const first = cache.get('audit');
  await clock.advance(10_000);
  load(0).answer('audit:v1');
  await first;
  expect(cache.state('audit').ageMs).toBe(10_000);
});

test('after a failure it leaves the source alone for a while, then asks again', async () => {
  const { cache, clock, loads, load } = make({ cooldownMs: 1_000 });
  const first = cache.get('audit').catch((error: unknown) => error);
  await clock.advance(0);
  load(0).fail('ACCESS_DENIED');
  expect(await first).toMatchObject({ code: 'ACCESS_DENIED' });
  expect(cache.state('audit').coolingDown).toBe(true);
  await expect(cache.get('audit')).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  expect(loads).toHaveLength(1);
  await clock.advance(1_000);
  const next = cache.get('audit');
  await clock.advance(0);
  load(1).answer('audit:v1');
  expect((await next).identity).toBe('audit:v1');
});

test('refreshing ahead of time doubles its pauses while the source fails', async () => {
  const { clock, loads, load } = await warm('audit:v1', { cooldownMs: 1_000 });
  const pauses: number[] = [];
  await clock.advance(240_000);
  for (let failed = 1; failed <= 5; failed++) {
    load(failed).fail('UNAVAILABLE');
    await clock.advance(0);
    let waited = 0;
    for (; loads.length === failed + 1; waited += 500) await clock.advance(500);
    pauses.push(waited);
  }
  expect(pauses).toEqual([1_500, 3_000, 6_000, 12_000, 24_000]);
});

test('a late answer never replaces a newer one', async () => {
  const { cache, clock, load } = await warm();
  const slow = cache.reload('audit');
  const quick = cache.reload('audit');
  await clock.advance(0);
  load(2).answer('audit:v3');
  expect((await quick).identity).toBe('audit:v3');
  load(1).answer('audit:v2');
  expect((await slow).identity).toBe('audit:v3');
  expect(cache.peek('audit')?.identity).toBe('audit:v3');
});

test('a late failure does not touch a newer answer', async () => {
  const { cache, clock, load } = await warm();
  const slow = cache.reload('audit').catch((error: unknown) => error);
  const quick = cache.reload('audit');
  await clock.advance(0);
  load(2).answer('audit:v2');
  await quick;
  load(1).fail('UNAVAILABLE');
  expect(await slow).toMatchObject({ code: 'UNAVAILABLE' });
  expect(cache.state('audit')).toMatchObject({ fresh: true, coolingDown: false });
});

test("another call's answer counts, unless it was asked before what is known", async () => {
  const { cache, clock, load } = await warm();
  const before = cache.ticket();
  const reloaded = cache.reload('audit');
  await clock.advance(0);
  load(1).answer('audit:v2');
  await reloaded;
  cache.observe('audit', { identity: 'audit:v1' }, before);
  expect(cache.peek('audit')?.identity).toBe('audit:v2');
  cache.observe('audit', { identity: 'audit:v3' }, cache.ticket());
  expect((await cache.get('audit')).identity).toBe('audit:v3');
});

test('a value that is shown to be out of date is not handed out again', async () => {
  const { cache, clock, loads, load } = await warm();
  cache.expire('audit');
  expect(cache.state('audit').fresh).toBe(false);
  const next = cache.get('audit');
  await clock.advance(0);
  expect(loads).toHaveLength(2);
  load(1).answer('audit:v2');
  expect((await next).identity).toBe('audit:v2');
  cache.expire('unknown');
  expect(loads).toHaveLength(2);
});

test('versions stay known under their own identity', async () => {
  const { cache, clock, load } = await warm();
  const reloaded = cache.reload('audit');
  await clock.advance(0);
  load(1).answer('audit:v2');
  await reloaded;
  expect(cache.at('audit:v1')).toEqual({ identity: 'audit:v1' });
  expect(cache.at('audit:v2')).toEqual({ identity: 'audit:v2' });
});

test('one caller who gives up does not end the load of the others', async () => {
  const { cache, clock, load } = make();
  const controller = new AbortController();
  const impatient = cache.get('audit', controller.signal).catch((error: unknown) => error);
  const patient = cache.get('audit');
  await clock.advance(0);
  controller.abort();
  expect(await impatient).toMatchObject({ code: 'ABORTED' });
  load(0).answer('audit:v1');
  expect((await patient).identity).toBe('audit:v1');
});

test('names that nobody asks for any more are not refreshed for ever', async () => {
  const { clock, loads, load } = await warm();
  for (let index = 1; index <= 2; index += 1) {
    await clock.advance(240_000);
    load(index).answer('audit:v1');
  }
  await clock.advance(3_600_000);
  expect(loads.length).toBe(3);
  expect(clock.waiting).toBe(0);
});

test('a bound of 0 asks every time', async () => {
  const { cache, clock, loads, load } = make({ ttlSeconds: 0 });
  for (const index of [0, 1]) {
    const asked = cache.get('audit');
    await clock.advance(0);
    load(index).answer('audit:v1');
    await asked;
  }
  expect(loads).toHaveLength(2);
  expect(clock.waiting).toBe(0);
});

test('closed, it has no timers and refuses', async () => {
  const { cache, clock } = await warm();
  expect(clock.waiting).toBe(1);
  cache.close();
  expect(clock.waiting).toBe(0);
  await expect(cache.get('audit')).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
});
