import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { auditorKeys, createSealer, type VerifyReport, verify } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { someOf } from '../support/tier.ts';

/** What fails: calls of one kind, after so many of them, for so many. */
const fault = vi.hoisted(() => ({ operation: '', code: '', after: 0, times: 0 }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const failing = <F extends (...given: never[]) => unknown>(operation: string, call: F): F =>
    ((...given: Parameters<F>) => {
      if (fault.operation === operation && --fault.after < 0 && fault.times-- > 0) {
        throw Object.assign(new Error(`${fault.code}: imagined, ${operation}`), { code: fault.code });
      }
      return call(...given);
    }) as F;
  return {
    ...fs,
    openSync: failing('open', fs.openSync),
    renameSync: failing('rename', fs.renameSync),
    readdirSync: failing('readdir', fs.readdirSync),
    lstatSync: failing('lstat', fs.lstatSync),
    fstatSync: failing('fstat', fs.fstatSync),
    writeSync: failing('write', fs.writeSync),
    fdatasyncSync: failing('fdatasync', fs.fdatasyncSync),
    ftruncateSync: failing('ftruncate', fs.ftruncateSync),
  };
});

/** Which failures a kernel gives for which call, and that may pass. */
const kernel: Readonly<Record<string, readonly string[]>> = {
  open: ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ESTALE'],
  rename: ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'EBUSY'],
  readdir: ['EACCES', 'EMFILE', 'ENFILE', 'EIO', 'ENOENT', 'ENOMEM'],
  lstat: ['EACCES', 'EIO', 'ESTALE', 'ENOMEM'],
  fstat: ['EIO', 'ENOMEM'],
  write: ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EPERM', 'EFBIG'],
};
const moments = [0, 2, 4];
const cases = Object.entries(kernel).flatMap(([operation, codes]) =>
  codes.map((code, n) => ({ operation, code, after: moments[n % moments.length] as number })),
);
const COUNT = 5_000; // more than a turn of the event loop takes, so that some wait and are drained

function place() {
  const directory = mkdtempSync(join(tmpdir(), 'seal-'));
  onTestFinished(() => {
    fault.times = 0;
    fault.operation = '';
    rmSync(directory, { recursive: true, force: true });
  });
  const keyProvider = new MemoryProvider({ keyIds: ['audit'] });
  const options = {
    file: join(directory, 'audit.jsonl'),
    origin: 'audit.example.com/passing',
    stateDir: join(directory, 'state'),
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider,
    checkpointMaxSeconds: 60,
  } as const;
  const audit = (): Promise<VerifyReport> => {
    const names = readdirSync(directory).filter((name) => /^audit.*\.jsonl$/.test(name));
    return verify({
      paths: names.map((name) => join(directory, name)),
      origin: options.origin,
      continued: true,
      keys: auditorKeys({ provider: keyProvider, dataKeys: ['audit'] }),
    });
  };
  return { directory, options, audit };
}

const LONGEST = 120_000;
const sizes = (directory: string): number[] =>
  readdirSync(directory)
    .filter((name) => /^audit.*\.jsonl$/.test(name))
    .map((name) => statSync(join(directory, name)).size);
const backlog = (): Buffer => Buffer.from(Array.from({ length: COUNT }, (_, n) => `{"n":${n}}\n`).join(''));

describe.each(someOf(cases, 6))(
  '$code of $operation, after $after calls, while lines are drained and files change',
  (given) => {
    it.each([false, true])(
      'passes: nothing is lost, nothing is twice, and the log is whole (rotate_chain: %s)',
      async (chain) => {
        const { options, audit } = place();
        const sealer = createSealer({ ...options, rotateMaxBytes: LONGEST, rotateChain: chain });
        onTestFinished(() => sealer.closeSync());
        const errors: Error[] = [];
        sealer.on('error', (error) => errors.push(error)).on('warning', () => undefined);
        await sealer.ready;
        Object.assign(fault, given, { times: 4 });
        sealer.write(backlog());
        await sealer.flush();
        await sealer.close();
        expect(errors).toEqual([]);
        expect(fault.times, 'it has struck').toBeLessThan(4);
        fault.times = 0; // the auditor's machine is another one
        const report = await audit();
        expect(report.verdict).toBe('ok');
        expect(report.streams.reduce((sum, { records }) => sum + records, 0)).toBe(COUNT);
      },
    );
  },
);

it('rotate_chain: a fast producer waits for the next key, and no file is longer than rotate_max_bytes', async () => {
  const { directory, options, audit } = place();
  const { keyProvider } = options;
  const get = keyProvider.getKey.bind(keyProvider);
  let calls = 0;
  keyProvider.getKey = async (...given) => {
    if (calls++ > 0) for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    return get(...given);
  };
  const sealer = createSealer({ ...options, rotateMaxBytes: 40_000, rotateChain: true });
  onTestFinished(() => sealer.closeSync());
  await sealer.ready;
  for (let n = 0; n < 40; n++) {
    sealer.write(Buffer.from(Array.from({ length: 50 }, (_, i) => `{"n":${n * 50 + i}}\n`).join('')));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sealer.flush();
  await sealer.close();
  expect(Math.max(...sizes(directory))).toBeLessThanOrEqual(40_000);
  expect(sizes(directory).length).toBeGreaterThan(3);
  const report = await audit();
  expect(report.verdict).toBe('ok');
  expect(report.streams.reduce((sum, { records }) => sum + records, 0)).toBe(2_000);
});

it.each(['EIO', 'ENOSPC'])(
  '%s of fdatasync ends the log, with a code; the next start seals what is left',
  async (code) => {
    const { options, audit } = place();
    const sealer = createSealer({ ...options, rotateMaxBytes: 120_000 });
    onTestFinished(() => sealer.closeSync());
    const failed = new Promise<Error>((resolve) => sealer.on('error', resolve));
    sealer.on('warning', () => undefined);
    await sealer.ready;
    Object.assign(fault, { operation: 'fdatasync', code, after: 1, times: 1 });
    sealer.write(backlog());
    expect(await failed).toMatchObject({ code: 'WRITE_FAILED' });
    await sealer.close().catch(() => undefined);
    const next = createSealer(options);
    onTestFinished(() => next.closeSync());
    await next.close();
    const report = await audit();
    expect(report.verdict).not.toBe('tampered');
    expect(report.streams[0]?.records).toBe(COUNT);
  },
);
