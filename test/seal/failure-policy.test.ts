import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { audit, read, start, workplace } from './workplace.ts';

/** What goes to standard error by its file descriptor. */
const stderr = vi.hoisted(() => ({ text: '' }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync: (fd: number, ...rest: [never]): number => {
      if (fd !== 2) return fs.writeSync(fd, ...rest);
      stderr.text += String(rest[0]);
      return String(rest[0]).length;
    },
  };
});

function place() {
  stderr.text = '';
  const uncaught: unknown[] = [];
  const listener = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtExceptionMonitor', listener);
  onTestFinished(() => {
    process.off('uncaughtExceptionMonitor', listener);
    expect(uncaught).toEqual([]);
  });
  return workplace();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function recordsOf({ file, provider }: ReturnType<typeof workplace>): Promise<string[]> {
  const { entries } = await read([file], provider);
  return entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : []));
}

describe('what is no line', () => {
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  it.each([
    ['a number', 1],
    ['nothing', undefined],
    ['null', null],
    ['a list', ['{"n":1}']],
    ['an object', { n: 1 }],
    ['a Symbol', Symbol('n')],
    ['a function', () => '{}'],
    ['a String object', new String('{}')],
    ['other numbers', new Uint16Array(4)],
    ['an ArrayBuffer', new ArrayBuffer(4)],
    ['bytes that were transferred away', detached],
  ])('is refused to whoever gives it, before the key and after; the log goes on: %s', async (_name, value) => {
    const here = place();
    const sealer = start(here.options());
    const attempts = [
      () => sealer.write(value as string),
      () => sealer.writeObject(value as string),
      () => sealer.writePiece(value as Uint8Array),
    ];
    for (const attempt of attempts) expect(attempt).toThrowError(expect.objectContaining({ code: 'USAGE' }));
    sealer.write('{"n":1}');
    await sealer.ready;
    for (const attempt of attempts) expect(attempt).toThrowError(expect.objectContaining({ code: 'USAGE' }));
    sealer.write('{"n":2}');
    await sealer.close();
    expect(await recordsOf(here)).toEqual(['{"n":1}', '{"n":2}']);
  });
});

/** Ways for a log to come to its end that are none of the application's business. */
const ends: [string, (here: ReturnType<typeof workplace>) => void, string][] = [
  ['a foreign byte in the file', ({ file }) => appendFileSync(file, 'x'), 'FOREIGN_WRITE'],
  ['a file that was deleted', ({ file }) => rmSync(file), 'FOREIGN_WRITE'],
  [
    'a state directory that is gone',
    ({ directory }) => rmSync(join(directory, 'state'), { recursive: true }),
    'LOCKED', // and with it the lock, which another writer could hold by now
  ],
];

describe('a log that cannot go on', () => {
  it.each(ends)('throws nothing at an application that does not listen: %s', async (_name, spoil, code) => {
    const here = place();
    const sealer = start({ ...here.options(), checkpointMaxRecords: 1 });
    const log = pino({ base: null, timestamp: false }, sealer);
    log.info('one');
    await sealer.flush();
    spoil(here);
    log.info('two');
    await until(() => stderr.text.includes('has ended'));
    for (let n = 0; n < 1_000; n++) expect(sealer.write(`{"late":${n}}`)).toBe(true); // nobody is held back
    log.fatal('three');
    const [kept, ended, ...more] = stderr.text.split('\n');
    expect(kept).toMatch(/^fapilog-tamper: lines of the log .* could not be sealed: .*/);
    expect(ended).toMatch(new RegExp(`^fapilog-tamper: the log .* has ended.*: ${code}: `));
    expect(more).toEqual(['']);
    await expect(sealer.flush()).rejects.toMatchObject({ code });
    await expect(sealer.close()).rejects.toMatchObject({ code });
    log.info('four');
    sealer.closeSync(); // as at the end of the process
    expect(sealer.stats).toMatchObject({ uncounted: 0, pendingBytes: 0 });
    expect(sealer.stats.kept).toBeGreaterThanOrEqual(1_002);
  });

  it('keeps what came before and after for the next start', async () => {
    const here = place();
    const sealer = start(here.options());
    sealer.on('error', () => undefined);
    sealer.on('kept', () => undefined);
    sealer.write('{"n":1}');
    await sealer.flush();
    appendFileSync(here.file, 'debris\n');
    sealer.write('{"n":2}');
    await once(sealer, 'kept');
    sealer.write('{"n":3}');
    sealer.closeSync();
    sealer.write('{"n":4}');
    sealer.closeSync();
    await start(here.options()).close();
    expect((await audit(here.directory, here.provider)).verdict).toBe('ok');
    expect(readFileSync(here.file, 'utf8').match(/^\{"n":\d,/gm)).toEqual(['{"n":1,', '{"n":2,', '{"n":3,', '{"n":4,']);
    expect(stderr.text).toBe(''); // somebody listened
  });

  it('counts what is more than may wait', async () => {
    const here = place();
    const sealer = start({ ...here.options(), maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    sealer.on('error', () => undefined);
    await sealer.flush();
    appendFileSync(here.file, 'debris\n');
    sealer.write('{"n":0}');
    await once(sealer, 'kept');
    for (let n = 1; n <= 3_000; n++) sealer.write(`{"n":${n},"pad":"${'x'.repeat(100)}"}`);
    sealer.closeSync();
    await start(here.options()).close();
    const [stream] = (await audit(here.directory, here.provider)).streams;
    expect(stream?.droppedLines).toBeGreaterThan(1_000);
    expect((stream?.records ?? 0) + (stream?.droppedLines ?? 0)).toBe(3_001);
  });

  it('throws from each write with on_failure: throw, and takes nothing then', async () => {
    const here = place();
    const sealer = start({ ...here.options(), onFailure: 'throw' });
    const failed = once(sealer, 'error');
    await sealer.flush();
    appendFileSync(here.file, 'debris\n');
    sealer.write('{"n":1}');
    await failed;
    expect(() => sealer.write('{"n":2}')).toThrowError(expect.objectContaining({ code: 'FOREIGN_WRITE' }));
    sealer.closeSync();
    await start(here.options()).close();
    expect(readFileSync(here.file, 'utf8').match(/^\{"n":\d,/gm)).toEqual(['{"n":1,']);
  });

  it('before its first key, for keys that are refused, is no different', async () => {
    const here = place();
    here.provider.faults.failWith('ACCESS_DENIED');
    const sealer = start(here.options());
    sealer.write('{"n":1}');
    await until(() => stderr.text !== '');
    expect(stderr.text).toContain('ACCESS_DENIED');
    sealer.write('{"n":2}');
    sealer.closeSync();
    here.provider.faults.heal();
    await start(here.options()).close();
    expect(await recordsOf(here)).toEqual(['{"n":1}', '{"n":2}']);
  });

  it.each(['TLS_FAILED', 'RESPONSE_MALFORMED'] as const)('%s at the start is waited for', async (code) => {
    const here = place();
    here.provider.faults.failWith(code);
    const sealer = start(here.options());
    const [outage] = (await once(sealer, 'outage')) as [{ error: unknown }];
    expect(outage.error).toMatchObject({ code });
    sealer.write('{"n":1}');
    here.provider.faults.heal();
    await sealer.ready;
    await sealer.close();
    expect(await recordsOf(here)).toEqual(['{"n":1}']);
  });
});

describe('a process', () => {
  const program = fileURLToPath(new URL('../support/application.mjs', import.meta.url));
  let built: BuiltPackage;
  beforeAll(async () => {
    built = await buildPackage();
  });
  afterAll(() => built.remove());

  async function run(
    here: ReturnType<typeof workplace>,
    task: object,
  ): Promise<{ code: number | null; signal: string | null; said: string; told: string }> {
    const { keyProvider: _ours, keyProviderModule: _module, ...options } = here.options();
    const key = join(here.directory, 'key');
    appendFileSync(key, Buffer.alloc(32, 7), { mode: 0o600 });
    const text = JSON.stringify({
      library: join(built.directory, 'dist/index.js'),
      key: 'ok',
      lines: 200,
      ...task,
      options: {
        ...options,
        keySource: 'file',
        keyFilePath: key,
        ...('options' in task ? (task.options as object) : {}),
      },
    });
    const child = spawn(process.execPath, [program, text], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => (said += data));
    child.stderr.setEncoding('utf8').on('data', (data: string) => (told += data));
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { code, signal, said, told };
  }

  const written = (file: string): number => readFileSync(file, 'utf8').match(/^\{"n":/gm)?.length ?? 0;

  it('that a signal ends, with closeOnSignals, has every line sealed, and ends by that signal', async () => {
    const here = place();
    expect(await run(here, { end: 'handled-signal' })).toMatchObject({ code: null, signal: 'SIGTERM', told: '' });
    expect(written(here.file)).toBe(200);
    expect(readFileSync(here.file, 'utf8')).toContain('"why":"shutdown"');
  });

  it('that exits while no key has come keeps its lines', async () => {
    const here = place();
    const { code, said } = await run(here, { end: 'exit', key: 'away' });
    expect(code).toBe(0);
    expect(said).toContain('{"kept":200,"lost":0}');
  });

  it('whose keys are refused is not ended by that', async () => {
    const here = place();
    const { code, told, said } = await run(here, {
      end: 'exit',
      options: { keyFilePath: join(here.directory, 'none') },
    });
    expect(code).toBe(0);
    expect(told).toMatch(/^fapilog-tamper: the log .*KEY_NOT_FOUND.*\n$/);
    expect(said).toContain('{"given":200}');
  });

  it('with on_failure: exit is', async () => {
    const here = place();
    const { code, told } = await run(here, {
      end: 'none',
      options: { keyFilePath: join(here.directory, 'none'), onFailure: 'exit' },
    });
    expect(code).toBe(1);
    expect(told).toContain('KEY_NOT_FOUND');
  });
});
