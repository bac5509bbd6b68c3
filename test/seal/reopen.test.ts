import { copyFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Sealer, SealerOptions } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/index.ts';
import { audit, start, workplace } from './workplace.ts';

const modes = { 'data key': {}, signing: { useKmsSigning: true }, both: { signingKeyId: 'sign' } };

/** What logrotate leaves, by its directive. */
const leaves = {
  rename: (file: string) => renameSync(file, `${file}.1`),
  create: (file: string) => {
    renameSync(file, `${file}.1`);
    writeFileSync(file, '', { mode: 0o644 });
  },
};

/** Every file that logrotate and we have left, for an auditor. */
const everything = (directory: string): string[] =>
  ['audit.jsonl', 'audit.jsonl.1'].map((name) => join(directory, name)).filter((path) => existsSync(path));

function warningsOf(sealer: Sealer): string[] {
  const codes: string[] = [];
  sealer.on('warning', (error) => codes.push((error as { code?: string }).code ?? error.message));
  return codes;
}

const cases = Object.entries(modes).flatMap(([mode, extra]) =>
  Object.entries(leaves).map(([how, leave]) => ({ mode, how, extra: extra as Partial<SealerOptions>, leave })),
);

it.each(cases)('reopen() after $how: the old file is closed where it is, sealed with $mode', async (one) => {
  const { directory, file, options, provider } = workplace(['audit', 'sign']);
  const sealer = start({ ...options(), ...one.extra });
  const codes = warningsOf(sealer);
  sealer.write('{"n":1}');
  await sealer.flush();
  one.leave(file);
  sealer.write('{"n":2}'); // it goes where the file is now
  await sealer.reopen();
  expect(codes).toEqual(['FILE_MOVED']);
  sealer.write('{"n":3}');
  await sealer.reopen(); // and this is nothing
  await sealer.close();
  expect(codes).toEqual(['FILE_MOVED']);
  expect(readFileSync(`${file}.1`, 'latin1')).toMatch(/"why":"rotated"/);
  expect(existsSync(`${file}.1.manifest.json`)).toBe(false);
  const again = start({ ...options(), ...one.extra });
  again.write('{"n":4}');
  await again.close();
  const report = await audit(directory, provider, { paths: everything(directory) });
  expect(report, JSON.stringify(report.findings)).toMatchObject({ verdict: 'ok', streams: [{ records: 4, runs: 2 }] });
});

it.each(cases)('$how without a word is noticed within seconds, sealed with $mode', async (one) => {
  const clock = new FakeClock();
  const { directory, file, options, provider } = workplace(['audit', 'sign'], clock);
  const sealer = start({ ...options(), ...one.extra, clock });
  await sealer.ready;
  const codes = warningsOf(sealer);
  const rotated = new Promise((resolve) => sealer.once('rotate', resolve));
  sealer.write('{"n":1}');
  sealer.flushSync();
  one.leave(file);
  await clock.advance(5_000);
  await rotated;
  expect(codes).toEqual(['FILE_MOVED']);
  sealer.write('{"n":2}');
  sealer.closeSync();
  const again = start({ ...options(), ...one.extra });
  await again.close();
  const report = await audit(directory, provider, { paths: everything(directory) });
  const bad = report.findings.filter(({ severity, code }) => severity !== 'warning' && code !== 'ADOPTED');
  expect(bad).toEqual([]);
  expect(report.streams[0]?.records).toBe(2);
});

it.each(cases)('$how before the end of the process: the next start goes on, sealed with $mode', async (one) => {
  for (const end of ['close', 'closeSync'] as const) {
    const { directory, file, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...one.extra });
    sealer.write('{"n":1}');
    await sealer.flush();
    one.leave(file);
    await sealer[end]();
    const again = start({ ...options(), ...one.extra });
    again.write('{"n":2}');
    await again.close();
    const report = await audit(directory, provider, { paths: everything(directory) });
    const bad = report.findings.filter(({ severity, code }) => severity !== 'warning' && code !== 'ADOPTED');
    expect(bad).toEqual([]);
    expect(report.streams[0]?.records).toBe(2);
  }
});

it('a file of somebody else under our name is left alone', async () => {
  const { directory, file, options, provider } = workplace();
  const sealer = start(options());
  sealer.write('{"n":1}');
  await sealer.flush();
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'not ours\n');
  await sealer.reopen();
  sealer.write('{"n":2}');
  const next = sealer.stats.file;
  await sealer.close();
  expect(readFileSync(file, 'utf8')).toBe('not ours\n');
  expect(next).toMatch(/audit\.\d{8}T\d{6}Z-0001\.jsonl$/);
  const report = await audit(directory, provider, { paths: [`${file}.1`, next] });
  expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: 2 }] });
});

it('copytruncate is an error that names it, and nothing is written into the cut file', async () => {
  const { file, options } = workplace();
  const sealer = start(options());
  const failed = new Promise<Error>((resolve) => sealer.on('error', resolve));
  sealer.write('{"n":1}');
  await sealer.flush();
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
  sealer.write('{"n":2}');
  expect(await failed).toMatchObject({ code: 'FOREIGN_WRITE', message: expect.stringContaining('copytruncate') });
  expect(readFileSync(file).length).toBe(0);
});
