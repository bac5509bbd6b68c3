import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { isTamperError } from '../../src/errors.ts';
import { type Lock, LockSeeker, type LockSettings } from '../../src/seal/disk/lock.ts';

/** Before one of the calls to the file system somebody else gets his turn. */
const turn = vi.hoisted(() => ({ call: 0, at: 0, other: undefined as (() => void) | undefined, noLinks: false }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const names = ['closeSync', 'fstatSync', 'fsyncSync', 'futimesSync', 'linkSync', 'lstatSync', 'openSync'] as const;
  const more = ['readdirSync', 'readFileSync', 'unlinkSync', 'writeSync'] as const;
  const wrapped = Object.fromEntries(
    [...names, ...more].map((name) => [
      name,
      (...args: unknown[]): unknown => {
        const { other } = turn;
        if (other !== undefined && ++turn.call === turn.at) {
          turn.other = undefined;
          other();
        }
        if (name === 'linkSync' && turn.noLinks) throw Object.assign(new Error('no links here'), { code: 'EPERM' });
        return (fs[name] as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  );
  return { ...fs, ...wrapped };
});

const LEASE = 1_000;

/** Starters and holders on machines of their own: nobody can see the process of another one. */
function machines() {
  const directory = mkdtempSync(join(tmpdir(), 'lock-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const time = { monotonic: 0, wall: Date.parse('2026-11-24T23:00:00Z') };
  let count = 0;
  const seeker = (settings: LockSettings = {}): LockSeeker => {
    const id = String(++count).padStart(16, '0');
    const own = { lease: LEASE, monotonic: () => time.monotonic, wall: () => time.wall, living: new Set<string>() };
    return new LockSeeker(join(directory, 'x'), id, { ...own, me: { boot: `boot ${id}` }, ...settings });
  };
  const pass = (ms: number): void => {
    time.monotonic += ms;
    time.wall += ms;
  };
  /** Looks at the lock until it may be taken. */
  const wait = (starter: LockSeeker, ms: number, between = (): void => undefined): Lock | undefined => {
    for (let waited = 0; waited <= ms; waited += starter.pause) {
      const lock = starter.attempt();
      if (lock !== undefined) return lock;
      pass(starter.pause);
      between();
    }
    return undefined;
  };
  return { directory, time, seeker, pass, wait, files: () => readdirSync(directory) };
}

/** A lock whose holder does not count as living in this thread, as if it were on another machine. */
function elsewhere(lock: Lock | undefined): Lock {
  if (lock === undefined) throw new Error('not taken');
  return lock;
}

function holds(lock: Lock | undefined): boolean {
  try {
    lock?.assertHeld();
    return lock !== undefined;
  } catch (error) {
    if (isTamperError(error, 'LOCKED')) return false;
    throw error;
  }
}

describe('a lock', () => {
  it('belongs to one, and to the next one once it is released', () => {
    const { seeker, files } = machines();
    const living = new Set<string>();
    const lock = seeker({ living }).attempt();
    expect(() => seeker({ living }).attempt()).toThrowError(expect.objectContaining({ code: 'LOCKED' }));
    lock?.release();
    expect(files()).toEqual([]);
    const next = seeker().attempt();
    expect(holds(next)).toBe(true);
    next?.release();
  });

  it.each(['', 'null\n', '[]', '{"instance":1}', '{"instance":"a","pid":-1}', '\u0000\u0000', '{"inst'])(
    'whose file holds %j ends after a lease',
    (text) => {
      const { directory, seeker, wait, files } = machines();
      for (const name of ['x.lock', 'x.7.lock']) writeFileSync(join(directory, name), text);
      const starter = seeker();
      expect(wait(starter, LEASE * 0.9)).toBeUndefined();
      const lock = wait(starter, LEASE * 0.2);
      expect(holds(lock)).toBe(true);
      expect(files()).toEqual(['x.8.lock']);
      lock?.release();
    },
  );

  it('that another version left is not held for more than a minute', () => {
    const { directory, seeker, wait } = machines();
    const old = { instance: 'a', host: 'h', boot: 'b', space: 's', pid: 1, started: '1' };
    writeFileSync(join(directory, 'x.lock'), JSON.stringify(old));
    const starter = seeker();
    expect(wait(starter, 50_000)).toBeUndefined();
    expect(holds(wait(starter, 10_500))).toBe(true);
  });
});

describe.each([
  ['hard links', false],
  ['no hard links', true],
])('on a file system with %s', (_name, noLinks) => {
  const place = () => {
    turn.noLinks = noLinks;
    onTestFinished(() => {
      turn.noLinks = false;
      turn.other = undefined;
    });
    return machines();
  };
  /** Somebody else's lock: this thread forgets that it is its own. */
  const held = ({ seeker, directory }: ReturnType<typeof machines>): Lock => {
    const lock = elsewhere(seeker().attempt());
    for (const name of readdirSync(directory)) expect(name).toMatch(/^x\.\d+\.lock$/);
    return lock;
  };

  it('a holder that renews its lease is never taken for dead, however clocks jump', () => {
    const one = place();
    const lock = held(one);
    const starter = one.seeker({ wall: () => 0 });
    const looks: string[] = [];
    for (let n = 0; n < 40; n++) {
      one.time.wall += (n % 2 === 0 ? 1 : -1) * 3_600_000 * n;
      lock.renew();
      try {
        looks.push(starter.attempt() === undefined ? 'waits' : 'took it');
      } catch (error) {
        looks.push(isTamperError(error) ? error.code : 'another error');
      }
      one.pass(LEASE / 5);
    }
    expect(new Set(looks)).not.toContain('took it');
    expect(holds(lock)).toBe(true);
  });

  it.each([1, -1])('the lease of a holder that is gone ends though the clock jumps (%i)', (sign) => {
    const one = place();
    held(one);
    const starter = one.seeker();
    let n = 0;
    const lock = one.wait(starter, LEASE * 1.1, () => {
      one.time.wall += sign * 86_400_000 * n++;
    });
    expect(holds(lock)).toBe(true);
  });

  it('a starter that did not run meanwhile begins to count anew', () => {
    const one = place();
    held(one);
    const starter = one.seeker();
    expect(starter.attempt()).toBeUndefined();
    one.pass(LEASE * 5);
    expect(starter.attempt()).toBeUndefined();
    expect(one.wait(starter, LEASE * 1.1)).toBeDefined();
  });

  it.each([
    ['stands still', 0],
    ['goes on', 1],
  ])('a holder that was suspended finds out before it writes, where its monotonic clock %s', (_how, rate) => {
    const one = place();
    const begun = one.time.monotonic;
    const own = one.seeker({ monotonic: () => begun + (one.time.monotonic - begun) * rate });
    const lock = elsewhere(own.attempt());
    const next = one.wait(one.seeker(), LEASE * 1.1);
    expect(holds(next)).toBe(true);
    expect(() => lock.assertHeld()).toThrowError(expect.objectContaining({ code: 'LOCKED' }));
    expect(() => lock.renew()).toThrowError(expect.objectContaining({ code: 'LOCKED' }));
    lock.release();
    expect(holds(next)).toBe(true);
  });

  it('a holder that was suspended goes on where nobody wanted its place', () => {
    const one = place();
    const lock = held(one);
    one.pass(LEASE * 100);
    expect(holds(lock)).toBe(true);
    lock.renew();
    lock.release();
    expect(one.files()).toEqual([]);
  });

  it('a holder whose lock file was removed stops', () => {
    const one = place();
    const lock = held(one);
    for (const name of one.files()) unlinkSync(join(one.directory, name));
    expect(holds(lock)).toBe(false);
    lock.release();
  });

  it('force takes it at once, and its holder stops', () => {
    const one = place();
    const lock = held(one);
    const next = one.seeker().force();
    expect([holds(lock), holds(next)]).toEqual([false, true]);
  });

  type Actor = (one: ReturnType<typeof machines>) => { before?: () => void; act: () => Lock | undefined };
  /** A starter that has seen the lock for as long as it lives. */
  const waiting: Actor = (one) => {
    const starter = one.seeker();
    return { before: () => starter.attempt(), act: () => starter.attempt() };
  };
  const fresh: Actor = (one) => {
    const starter = one.seeker();
    return { act: () => starter.attempt() };
  };

  /** What two do, the other one at each call of the first one to the file system: nobody gets what the other one has. */
  function interleaved(
    setUp: (one: ReturnType<typeof machines>) => [first: () => Lock | undefined, second: () => Lock | undefined],
  ): number {
    for (let at = 1; ; at++) {
      const one = machines();
      turn.noLinks = noLinks;
      const [first, second] = setUp(one);
      const locks: (Lock | undefined)[] = [];
      const attempt = (act: () => Lock | undefined): void => {
        try {
          const lock = act();
          if (holdsNow(lock)) locks.push(lock);
        } catch (error) {
          if (!isTamperError(error, 'LOCKED')) throw error;
        }
      };
      Object.assign(turn, { call: 0, at, other: () => attempt(second) });
      attempt(first);
      const happened = turn.other === undefined;
      turn.other = undefined;
      const living = locks.filter((lock) => holds(lock));
      expect(living.length, `step ${at}: ${one.files().join(' ')}`).toBeLessThanOrEqual(1);
      for (const lock of locks) lock?.release();
      if (!happened) return at;
    }
  }
  const holdsNow = (lock: Lock | undefined): boolean => lock !== undefined;

  it('two starters never both get it: nothing there', () => {
    place();
    expect(interleaved((one) => [fresh(one).act, fresh(one).act])).toBeGreaterThan(5);
  });

  it('two starters never both get it: a dead lock there', () => {
    place();
    const steps = interleaved((one) => {
      held(one);
      const [a, b] = [waiting(one), waiting(one)];
      for (let n = 0; n <= 21; n++) {
        a.before?.();
        b.before?.();
        if (n < 21) one.pass(LEASE / 21);
      }
      one.pass(1);
      return [a.act, b.act];
    });
    expect(steps).toBeGreaterThan(10);
  });

  it.each(['the starter first', 'the holder first'])(
    'a holder that wakes up and a starter never both go on: %s',
    (order) => {
      place();
      const steps = interleaved((one) => {
        const lock = held(one);
        const starter = waiting(one);
        for (let n = 0; n < 20; n++) {
          starter.before?.();
          one.pass(LEASE / 20);
        }
        const wakes = (): Lock | undefined => {
          lock.assertHeld();
          return lock;
        };
        return order === 'the holder first' ? [wakes, starter.act] : [starter.act, wakes];
      });
      expect(steps).toBeGreaterThan(2);
    },
  );

  it.each(['the starter first', 'the holder first'])('a release and a start do not disturb each other: %s', (order) => {
    place();
    const steps = interleaved((one) => {
      const lock = held(one);
      const starter = waiting(one);
      for (let n = 0; n < 20; n++) {
        starter.before?.();
        one.pass(LEASE / 20);
      }
      const gives = (): Lock | undefined => {
        lock.release();
        return fresh(one).act();
      };
      return order === 'the holder first' ? [gives, starter.act] : [starter.act, gives];
    });
    expect(steps).toBeGreaterThan(2);
  });
});

it('a terminated worker does not hold its lock', async () => {
  const { directory } = machines();
  const source = `
    const { openSync, writeSync, readFileSync, readlinkSync } = require('node:fs');
    const { workerData, parentPort } = require('node:worker_threads');
    writeSync(openSync(workerData.path, 'wx'), JSON.stringify(workerData.holder));
    setInterval(() => undefined, 1000);
    parentPort.postMessage('holds');
  `;
  const seeker = new LockSeeker(join(directory, 'x'), 'b'.repeat(16));
  const { thisHolder } = await import('../../src/seal/disk/lock-holder.ts');
  const holder = { ...thisHolder('a'.repeat(16), 10_000) };
  const workerData = { path: join(directory, 'x.1.lock'), holder };
  const worker = new Worker(source, { eval: true, workerData });
  await new Promise((resolve) => worker.once('message', resolve));
  expect(seeker.attempt()).toBeUndefined();
  await worker.terminate();
  const lock = seeker.attempt();
  expect(holds(lock)).toBe(true);
  lock?.release();
});
