import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  auditorKeys,
  createSealer,
  generateKeyFile,
  type Sealer,
  type SealerOptions,
  verify,
} from '../../src/index.ts';
import { ORIGIN, sealedFiles, workplace } from './workplace.ts';

/** M1.14: each record of a signed log has a salt of its own, of the random generator of the system, or there is no record. */

const generator = vi.hoisted(() => ({ fails: false }));

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  const randomFillSync = (...given: unknown[]): unknown => {
    if (generator.fails) throw Object.assign(new Error('imagined'), { code: 'ERR_CRYPTO_OPERATION_FAILED' });
    return Reflect.apply(crypto.randomFillSync, crypto, given);
  };
  return { ...crypto, randomFillSync };
});

interface Place {
  readonly begin: (more?: SealerOptions) => Sealer;
  readonly text: () => string;
  /** The records, as they stand. */
  readonly records: () => string[];
  readonly verdict: () => Promise<string>;
}

async function signedLog(): Promise<Place> {
  const { directory, file } = workplace();
  const key = join(directory, 'sign.key');
  await generateKeyFile(key, 'Ed25519');
  const text = (): string =>
    sealedFiles(directory)
      .map((one) => readFileSync(one, 'utf8'))
      .join('');
  return {
    begin: (more = {}) => {
      const sealer = createSealer({
        file,
        origin: ORIGIN,
        stateDir: join(directory, 'state'),
        keySource: 'file',
        keyFilePath: key,
        algorithm: 'Ed25519',
        ...more,
      });
      onTestFinished(() => sealer.closeSync());
      return sealer;
    },
    text,
    records: () =>
      text()
        .split('\n')
        .filter((line) => /"integrity":\{"seq":\d+,(?!"kind")/.test(line)),
    verdict: async () => {
      const keys = auditorKeys({ publicKeyFiles: [`${key}.pub`] });
      return (await verify({ paths: [directory], origin: ORIGIN, keys })).verdict;
    },
  };
}

const SALT =
  /"integrity":\{"seq":\d+(?:,"as":"\w+")?(?:,"part":\d+)?(?:,"last":true)?,"salt":"([A-Za-z0-9_-]{21}[AQgw])",/;
const saltsOf = (records: readonly string[]): (string | undefined)[] => records.map((line) => SALT.exec(line)?.[1]);

describe('the salts of a signed log (M1.14)', () => {
  it('are different in each of 10,000 records, however the lines came, and in each part of a long one', async () => {
    const { begin, text, records, verdict } = await signedLog();
    const sealer = begin({ maxLineBytes: 4_096, rotateMaxBytes: 400_000 });
    await sealer.ready;
    for (let n = 0; n < 2_500; n++) sealer.write('{"same":"line"}\n');
    sealer.write('{"same":"line"}\n'.repeat(2_500));
    for (let n = 0; n < 2_500; n++) sealer.writeObject('{"same":"line"}');
    sealer.write('no JSON\n'.repeat(2_500));
    sealer.write(`${'a long line '.repeat(2_000)}\n`);
    await sealer.close();
    const all = records();
    const parts = all.filter((line) => line.includes('"part":'));
    expect(parts.length).toBeGreaterThan(4);
    expect(all).toHaveLength(10_000 + parts.length);
    const salts = saltsOf(all);
    expect(salts).not.toContain(undefined);
    expect(new Set(salts).size).toBe(all.length);
    const control = text()
      .split('\n')
      .filter((line) => line.startsWith('{"integrity":'));
    expect(control.length).toBeGreaterThan(4);
    expect(control.filter((line) => line.includes('"salt":"'))).toEqual([]);
    expect(await verdict()).toBe('ok');
  }, 60_000);

  it('are drawn when a line is sealed, for those too that waited for the next start', async () => {
    const { begin, records, verdict } = await signedLog();
    const failing = begin();
    failing.on('error', () => undefined);
    await failing.ready;
    await failing.flush();
    generator.fails = true;
    failing.write('{"n":1}\n{"n":2}\n');
    await failing.close().catch(() => undefined);
    generator.fails = false;
    const next = begin();
    next.write('{"n":3}\n');
    await next.close();
    expect(records().map((line) => /"n":\d/.exec(line)?.[0])).toEqual(['"n":1', '"n":2', '"n":3']);
    expect(new Set(saltsOf(records())).size).toBe(3);
    expect(saltsOf(records())).not.toContain(undefined);
    expect(await verdict()).toBe('ok');
  });
});

describe('a random generator that fails (M1.14)', () => {
  const ways: readonly (readonly [string, (sealer: Sealer) => unknown])[] = [
    ['a line', (sealer) => sealer.write('{"n":2}\n')],
    ['many lines at once', (sealer) => sealer.write('{"n":2}\n'.repeat(500))],
    ['an object', (sealer) => sealer.writeObject('{"n":2}')],
    ['text', (sealer) => sealer.write('no JSON\n')],
    ['a long line', (sealer) => sealer.write(`${'x'.repeat(10_000)}\n`)],
  ];
  it.each(ways)('ends the log with an error, and %s becomes no record', async (_what, write) => {
    onTestFinished(() => {
      generator.fails = false;
    });
    const { begin, text, records, verdict } = await signedLog();
    const sealer = begin({ maxLineBytes: 4_096 });
    await sealer.ready;
    sealer.write('{"n":1}\n');
    await sealer.flush();
    const failed = once(sealer, 'error');
    generator.fails = true;
    write(sealer);
    const [error] = await failed;
    expect(error).toMatchObject({ code: expect.any(String), message: expect.stringContaining('imagined') });
    expect(sealer.stats.ended).toBe(true);
    await sealer.close().catch(() => undefined);
    expect(saltsOf(records())).toEqual([expect.any(String)]);
    expect(text()).not.toContain('"n":2');
    generator.fails = false;
    await begin().close();
    expect(saltsOf(records())).not.toContain(undefined);
    expect(await verdict()).toBe('ok');
  });
});
