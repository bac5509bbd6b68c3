import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDataKey, type VerifyReport } from '../../src/index.ts';
import { readNote } from '../support/sealed-lines.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type NamedDataKeys, type VerifyOptions, verify } from '../support/verifying.ts';
import { dataKey } from '../vectors/keys.ts';
import { macKeys } from '../vectors/logs.ts';

/** M8.27: a file of known checkpoints that several verifiers share. */

let directory = '';
let known = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'known-'));
  known = join(directory, 'known.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A log of so many runs of four entries; `text` is what its last record says. */
function logFile(name: string, origin: string, runs: number, text = 'same'): string {
  const log = new SealedLog(origin);
  for (let run = 1; run <= runs; run++) {
    log
      .open(macKeys, run === 1 ? {} : { why: 'resumed' })
      .seal()
      .checkpoint();
    log
      .record(`{"run":${run},"text":"${run === runs ? text : 'same'}"}`)
      .close()
      .checkpoint();
  }
  const path = join(directory, name);
  writeFileSync(path, log.toFiles()[0]?.bytes ?? Buffer.alloc(0));
  return path;
}

/** A key that is given only once `before` is done: whatever that does happens while the log is being verified. */
function keys(before: () => Promise<unknown> = async () => undefined): NamedDataKeys[] {
  let waited: Promise<unknown> | undefined;
  const make = async () => {
    waited ??= before();
    await waited;
    return createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
  };
  return [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }];
}

const check = async (path: string, origin: string, more: Partial<VerifyOptions> = {}): Promise<VerifyReport> =>
  verify({ paths: [path], origin, known, dataKeys: keys(), ...more });
const codes = (report: VerifyReport): string[] => report.findings.map(({ code }) => code);

function sizes(): Record<string, [number | undefined, number | undefined]> {
  const { streams } = JSON.parse(readFileSync(known, 'utf8')) as {
    streams: Record<string, { first: string; newest: string }>;
  };
  return Object.fromEntries(
    Object.entries(streams).map(([origin, { first, newest }]) => [
      origin,
      [readNote(first).size, readNote(newest).size],
    ]),
  );
}

describe('while another verifier is at work', () => {
  it('what it recorded of another stream stays', async () => {
    const [a, b, longer] = [logFile('a', 'o/a', 1), logFile('b', 'o/b', 1), logFile('b2', 'o/b', 2)];
    await check(b, 'o/b');
    const meanwhile = async (): Promise<unknown> => check(longer, 'o/b');
    expect((await check(a, 'o/a', { dataKeys: keys(meanwhile) })).verdict).toBe('ok');
    expect(sizes()).toEqual({ 'o/a': [2, 4], 'o/b': [2, 8] });
    const rolledBack = await check(b, 'o/b');
    expect([rolledBack.verdict, codes(rolledBack)]).toEqual([
      'tampered',
      expect.arrayContaining(['KNOWN_CONTRADICTED']),
    ]);
  });

  it.each([
    ['a fork of the same size', 2, 2],
    ['a longer fork', 2, 3],
    ['a shorter fork', 3, 2],
    ['the same log, longer', 1, 2, 'same'],
  ])('that it verified %s is found', async (_, ours, theirs, text = 'other') => {
    const [own, other] = [logFile('own', 'o/a', ours), logFile('other', 'o/a', theirs, text)];
    const meanwhile = async (): Promise<unknown> => check(other, 'o/a');
    const report = await check(own, 'o/a', { dataKeys: keys(meanwhile) });
    expect(report.verdict).toBe('tampered');
    expect(codes(report)).toContain('KNOWN_CONTRADICTED');
    expect(sizes()['o/a']?.[1]).toBe(theirs * 4);
  });

  it('the same log, shorter, is no contradiction, and the newest stays', async () => {
    const [own, other] = [logFile('own', 'o/a', 3), logFile('other', 'o/a', 2)];
    const meanwhile = async (): Promise<unknown> => check(other, 'o/a');
    expect((await check(own, 'o/a', { dataKeys: keys(meanwhile) })).verdict).toBe('ok');
    expect(sizes()).toEqual({ 'o/a': [2, 12] });
  });

  it('standard input, which is read once, keeps it waiting', async () => {
    const [own, other] = [logFile('own', 'o/a', 2), logFile('other', 'o/a', 3)];
    let second: Promise<VerifyReport> | undefined;
    const meanwhile = async (): Promise<void> => {
      second = check(other, 'o/a'); // it verifies, then waits for the lock
    };
    const input = Readable.from([readFileSync(own)]);
    expect((await check('-', 'o/a', { input, dataKeys: keys(meanwhile) })).verdict).toBe('ok');
    expect((await second)?.verdict).toBe('ok');
    expect(sizes()).toEqual({ 'o/a': [2, 12] });
  });

  it('the first checkpoint never changes, and nothing is left beside the file', async () => {
    for (const runs of [1, 2, 3]) await check(logFile('log', 'o/a', runs), 'o/a');
    const part = logFile('log', 'o/a', 4);
    expect((await check(part, 'o/a')).verdict).toBe('ok');
    expect(sizes()).toEqual({ 'o/a': [2, 16] });
    expect(readdirSync(directory).sort()).toEqual(['known.json', 'log']);
  });
});

describe('a lock', () => {
  const lock = (): string => `${known}.lock`;
  const holder = (more: object): string =>
    JSON.stringify({ token: 'x', host: hostname(), boot: '', space: '', pid: 1, started: '', ...more });

  it.each([
    ['of a process that is gone', () => readHolder({ pid: 2 ** 22 + 1 }), 0],
    ['of a process whose number another one has now', () => readHolder({ pid: process.pid, started: '1' }), 0],
    ['that was never filled', () => '', 31],
    ['of another host that ended long ago', () => holder({ host: 'elsewhere.example' }), 31],
  ])('%s holds nobody up, whatever our clock says', async (_, text, age) => {
    writeFileSync(lock(), text());
    const then = new Date(Date.now() - age * 1000);
    utimesSync(lock(), then, then);
    setClock(-HOUR);
    expect((await check(logFile('log', 'o/a', 1), 'o/a')).verdict).toBe('ok');
    expect(existsSync(lock())).toBe(false);
    expect(sizes()).toEqual({ 'o/a': [2, 4] });
  });

  it.each([
    ['of a process that runs', () => readHolder({})],
    ['of another host', () => holder({ host: 'elsewhere.example' })],
    ['of another machine that has our name', () => readHolder({ boot: 'another', pid: 2 ** 22 + 1 })],
    ['of a process that there cannot be', () => readHolder({ pid: 2 ** 40 })],
    ['of no process at all', () => 'null'],
  ])('%s is waited for, whatever our clock says', async (_, text) => {
    writeFileSync(lock(), text());
    setClock(HOUR);
    let done = false;
    const report = check(logFile('log', 'o/a', 1), 'o/a').finally(() => {
      done = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect([done, existsSync(known)]).toEqual([false, false]);
    rmSync(lock());
    expect((await report).verdict).toBe('ok');
    expect(sizes()).toEqual({ 'o/a': [2, 4] });
  });

  /** What may stand in the place of a lock. */
  const odd: Readonly<Record<string, (path: string) => unknown>> = {
    'a pipe': (path) => execFileSync('mkfifo', [path]),
    'a directory': (path) => mkdirSync(path),
    'a link to itself': (path) => symlinkSync(path, path),
    'a link to a device': (path) => symlinkSync('/dev/zero', path),
  };

  it.each(Object.entries(odd))('that is %s is an error that names it', async (_, put) => {
    put(lock());
    await expect(check(logFile('log', 'o/a', 1), 'o/a')).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: expect.stringContaining(lock()),
    });
    expect(existsSync(known)).toBe(false);
  });

  it.each(Object.entries(odd))(
    'that becomes %s while it is held ends no process, and nothing is written',
    async (_, put) => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      const log = logFile('log', 'o/a', 1);
      const meanwhile = async (): Promise<void> => {
        rmSync(lock());
        put(lock());
        expect(() => vi.advanceTimersByTime(60_000)).not.toThrow(); // it is renewed, which a timer does
      };
      const input = Readable.from([readFileSync(log)]); // is read once, so that the lock is held meanwhile
      await expect(check('-', 'o/a', { input, dataKeys: keys(meanwhile) })).rejects.toMatchObject({
        code: 'WRITE_FAILED',
        message: expect.stringContaining(lock()),
      });
      expect(readdirSync(directory).sort()).toEqual(['known.json.lock', 'log']);
    },
  );

  const HOUR = 3_600_000;
  const setClock = (ahead: number): void => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ahead });
  afterEach(() => void vi.useRealTimers());

  /** What a verifier of this host writes, but for some members. */
  function readHolder(more: object): string {
    const text = (path: string): string => readFileSync(path, 'utf8').trim();
    const started = text('/proc/self/stat').split(') ')[1]?.split(' ')[19] ?? '';
    const boot = text('/proc/sys/kernel/random/boot_id');
    const space = ['pid', 'time'].map((name) => readlinkSync(`/proc/self/ns/${name}`)).join(' ');
    return holder({ pid: process.pid, started, boot, space, ...more });
  }
});
