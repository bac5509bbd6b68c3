import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckpointEvent, type KeyEvent, onKeyEvent } from '../../src/index.ts';
import pinoTransport, { observe } from '../../src/transports/pino/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { logPlace } from './log-place.ts';

let built: BuiltPackage;
let target: string;
beforeAll(async () => {
  built = await buildPackage();
  target = join(built.directory, 'dist/transports/pino/index.js');
});
afterAll(() => built.remove());

async function end(transport: ReturnType<typeof pino.transport>): Promise<void> {
  const closed = once(transport, 'close');
  transport.end();
  await closed;
}

const numbers = async (place: ReturnType<typeof logPlace>): Promise<number[]> =>
  (await place.records()).map((line) => JSON.parse(line).n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('in pino’s worker', () => {
  it.each([
    ['fapilog-tamper/pino', () => target],
    ['fapilog-tamper', () => join(built.directory, 'dist/index.js')],
  ])('%s seals every line, in order, from before the key has come', async (_name, module) => {
    const place = logPlace();
    const transport = pino.transport({ target: module(), options: place.options });
    const log = pino(transport);
    for (let n = 0; n < 20_000; n++) log.info({ n }, 'grüße, 世界');
    await new Promise((resolve) => log.flush(resolve));
    expect(await numbers(place)).toEqual(upTo(20_000));
    log.info({ n: 20_000 });
    await end(transport);
    expect(await numbers(place)).toEqual(upTo(20_001));
    expect(await place.verdict()).toBe('ok');
  });

  it('is one of several targets, with a level of its own', async () => {
    const place = logPlace();
    const transport = pino.transport<object>({
      targets: [
        { target, level: 'warn', options: place.options },
        { target: 'pino/file', level: 'trace', options: { destination: join(place.directory, 'plain.log') } },
      ],
    });
    const log = pino({ level: 'trace' }, transport);
    log.info({ n: 1 });
    log.warn({ n: 2 });
    await end(transport);
    expect(await numbers(place)).toEqual([2]);
  });

  it('is the end of a pipeline', async () => {
    const place = logPlace();
    const passing = join(built.directory, 'passing.mjs');
    writeFileSync(passing, "import { PassThrough } from 'node:stream'; export default () => new PassThrough();");
    const transport = pino.transport({ pipeline: [{ target: passing }, { target, options: place.options }] });
    const log = pino(transport);
    for (let n = 0; n < 100; n++) log.info({ n });
    await end(transport);
    expect(await numbers(place)).toEqual(upTo(100));
  });

  it('is observed from the logger’s thread: events, key uses, numbers, a flush that acknowledges', async () => {
    const place = logPlace();
    const transport = pino.transport({ target, options: place.options });
    const log = pino(transport);
    const sealing = observe(log.child({ part: 'shop' }));
    const keys: KeyEvent[] = [];
    const forget = onKeyEvent((event) => keys.push(event));
    const checkpoints: CheckpointEvent[] = [];
    sealing.on('checkpoint', (event) => checkpoints.push(event));
    log.info({ n: 0 });
    await new Promise((resolve) => log.flush(resolve));
    await sealing.flush();
    forget();
    const stats = await sealing.stats();
    expect(stats).toMatchObject({ origin: place.options.origin, records: 1, dropped: 0, covered: stats.size });
    expect(checkpoints.at(-1)).toMatchObject({ origin: place.options.origin, size: stats.size, complete: true });
    expect(keys).toContainEqual(expect.objectContaining({ operation: 'getKey', outcome: 'ok' }));
    await end(transport);
    await expect(sealing.stats()).rejects.toMatchObject({ code: 'SEALER_CLOSED' });
  });

  it('tells the end of a log with its code, and the application goes on', async () => {
    const place = logPlace();
    const transport = pino.transport({ target, options: { ...place.options, keyFilePath: '/nowhere/audit.key' } });
    const sealing = observe(transport);
    const log = pino(transport);
    const [error] = await once(sealing, 'error');
    expect(error).toMatchObject({ name: 'TamperError', code: 'KEY_NOT_FOUND', hint: expect.any(String) });
    log.info({ n: 0 });
    await end(transport);
    const again = pino.transport({ target, options: place.options });
    pino(again).info({ n: 1 });
    await end(again);
    expect(await numbers(place)).toEqual([0, 1]);
  });

  it.each(['end()', 'process.exit()'])(
    'keeps lines where the state contradicts the log at its start, until %s',
    async (way) => {
      const place = logPlace();
      const first = pino.transport({ target, options: place.options });
      pino(first).info({ n: 0 });
      await end(first);
      const whole = readFileSync(place.options.file);
      writeFileSync(place.options.file, '');
      const program = `
      import { pino } from ${JSON.stringify(import.meta.resolve('pino'))};
      const transport = pino.transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(place.options)} });
      transport.on('error', (error) => { console.error('unexpected', error); process.exitCode = 9; });
      const log = pino(transport);
      for (let n = 1; n <= 500; n++) log.info({ n });
      ${way === 'end()' ? 'transport.end();' : 'setTimeout(() => process.exit(0), 300);'}`;
      const script = join(built.directory, `conflict-${way.length}.mjs`);
      writeFileSync(script, program);
      const { stderr } = await promisify(execFile)(process.execPath, [script]);
      expect(stderr).toContain('STATE_CONFLICT');
      expect(stderr).toContain('keeps 500 for the next start');
      writeFileSync(place.options.file, whole);
      const again = pino.transport({ target, options: place.options });
      pino(again).info({ n: 501 });
      await end(again);
      expect(await numbers(place)).toEqual(upTo(502));
    },
  );

  it('refuses options that cannot work as an error of the transport that names them', async () => {
    const place = logPlace();
    const transport = pino.transport({ target, options: { ...place.options, keySoruce: 'file' } });
    const [error] = await once(transport, 'error');
    expect(error.message).toMatch(/^CONFIG_UNKNOWN_OPTION: .*keySoruce.*keySource/);
  });

  it('writes lines as they are where sealing is switched off', async () => {
    const place = logPlace();
    const transport = pino.transport({ target, options: { ...place.options, enabled: false } });
    pino({ base: null, timestamp: false }, transport).info('plain');
    await end(transport);
    expect(readFileSync(place.options.file, 'utf8')).toBe('{"level":30,"msg":"plain"}\n');
  });

  it('leaves a sealed log as it is where sealing is switched off', async () => {
    const place = logPlace();
    for (const enabled of [true, false]) {
      const transport = pino.transport({ target, options: { ...place.options, enabled } });
      pino({ base: null, timestamp: false }, transport).info(enabled ? 'sealed' : 'plain');
      await end(transport);
    }
    expect(readFileSync(place.options.file, 'utf8')).not.toContain('plain');
    expect(readFileSync(`${place.options.file}.unsealed`, 'utf8')).toBe('{"level":30,"msg":"plain"}\n');
  });

  it('says on standard error what nobody observes: a warning of each kind once, and where lines are kept', async () => {
    const place = logPlace();
    const program = `
      import { existsSync, readdirSync } from 'node:fs';
      import { setTimeout as delay } from 'node:timers/promises';
      import { pino } from ${JSON.stringify(import.meta.resolve('pino'))};
      const options = JSON.parse(process.argv[1]);
      const { stateDir } = options;
      const transport = pino.transport({ target: ${JSON.stringify(target)}, options });
      const log = pino(transport);
      log.info('taken');
      const isThere = () => existsSync(stateDir) && readdirSync(stateDir).some((name) => name.includes('.keeping-'));
      while (!isThere()) await delay(20);
      process.exit(0);
    `;
    const keyService = fileURLToPath(new URL('../support/key-service.mjs', import.meta.url));
    const { keyFilePath, ...rest } = place.options;
    const options = { ...rest, keySource: 'custom', keyProviderModule: keyService, keyId: 'default' };
    const env = {
      ...process.env,
      LIBRARY: join(built.directory, 'dist/index.js'),
      KEY_FILE: keyFilePath,
      KEY_SERVICE: 'away',
    };
    const argv = ['--input-type=module', '-e', program, JSON.stringify(options)];
    const { stderr } = await promisify(execFile)(process.execPath, argv, { env });
    expect(stderr).toMatch(
      /^fapilog-tamper: lines of the log \S+ could not be sealed: \S+ keeps 1 for the next start\n$/,
    );
  });

  it('does not wait for a sealer in a transport that has none', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const transport = pino.transport({
        target: 'pino/file',
        options: { destination: join(logPlace().directory, 'a') },
      });
      const stats = observe(transport).stats();
      vi.advanceTimersByTime(10_000);
      await expect(stats).rejects.toMatchObject({ code: 'USAGE' });
      transport.end();
    } finally {
      vi.useRealTimers();
    }
  });

  it('never prints a key that an option holds by mistake', async () => {
    const secret = 'cd'.repeat(32);
    const place = logPlace();
    const transport = pino.transport({ target, options: { ...place.options, keyFilePath: secret } });
    const sealing = observe(transport);
    const [error] = await once(sealing, 'error');
    expect(JSON.stringify([error.message, error.stack, error.hint, String(error.cause)])).not.toContain(secret);
    await end(transport);
  });
});

it.each([undefined, null, 5, 'log', {}])('observe(%s) is refused', (source) => {
  expect(() => observe(source as never)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

it('observe() refuses what is no transport, and says what it takes', () => {
  expect(() => observe(pino({ enabled: false }, { write: () => undefined }))).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('createSealer') }),
  );
});

it('in the logger’s own thread the same function gives the stream itself', async () => {
  const place = logPlace();
  const stream = pinoTransport(place.options);
  const log = pino(stream);
  log.info({ n: 0 });
  stream.end();
  await once(stream, 'close');
  expect(await numbers(place)).toEqual([0]);
});
