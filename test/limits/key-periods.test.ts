import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { formatRecoveredKeys, readRecoveredKeys } from '../../src/api/recovery/recovered-key-file.ts';
import { LIMITS } from '../../src/verify/model/allowance.ts';
import { keyPeriods } from '../../src/verify/show/key-periods.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey } from '../vectors/keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A line of a log with another number of key period, entry and stream in it: nothing of it verifies. */
function opens(count: number, change: (line: string, at: number) => string): string {
  const log = new SealedLog('o/a').open({ dataKey });
  const line = log.lines[0]?.bytes.toString('latin1') ?? '';
  const path = join(folder, `opens-${count}.jsonl`);
  writeFileSync(path, Array.from({ length: count }, (_, at) => `${change(line, at)}\n`).join(''));
  return path;
}

it('key periods beyond the limit are left out, and that is said', async () => {
  const renumbered = (line: string, at: number): string =>
    line.replace(/"key_id":"([^."]+)\.\d+"/, `"key_id":"$1.${at + 1}"`);
  const many = await keyPeriods({ paths: [opens(LIMITS.epochs + 10, renumbered)] });
  expect([many.periods.length, many.complete]).toEqual([LIMITS.epochs, false]);
  const few = await keyPeriods({ paths: [opens(10, renumbered)] });
  expect([few.periods.length, few.complete]).toEqual([10, true]);
});

it('one that is named again and again is kept once', async () => {
  const { periods, complete, entries } = await keyPeriods({ paths: [opens(1_000, (line) => line)] });
  expect([periods.length, complete, entries]).toEqual([1, true, 1_000]);
});

it('a file of recovered keys over 64 MiB is refused', async () => {
  const path = join(folder, 'recovered.keys');
  writeFileSync(path, formatRecoveredKeys([]), { mode: 0o600 });
  expect(await readRecoveredKeys(path, path)).toEqual([]);
  truncateSync(path, 64 * 2 ** 20 + 1);
  await expect(readRecoveredKeys(path, path)).rejects.toMatchObject({
    code: 'KEY_MALFORMED',
    message: expect.stringContaining('longer than'),
  });
});
