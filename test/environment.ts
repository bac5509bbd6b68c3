import { appendFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { cpuSeconds } from '../scripts/lib/cpu.mjs';

/** What each file costs, for the table of `npm test`. */
const began = cpuSeconds();
const cpuFile = process.env['TEST_CPU_FILE'];
if (cpuFile !== undefined) {
  afterAll(() => appendFileSync(cpuFile, `${expect.getState().testPath}\t${cpuSeconds() - began}\n`));
}

/** Files share processes: a variable of ours that one leaves behind is an unknown option to every sealer of the next. */

const own = (): Map<string, string | undefined> =>
  new Map(Object.entries(process.env).filter(([name]) => name.startsWith('FAPILOG_TAMPER_')));

const before = own();
afterAll(() => {
  const after = own();
  const changed = [...before.keys(), ...after.keys()].filter((name) => before.get(name) !== after.get(name));
  expect(changed, 'variables that this file sets and does not take back').toEqual([]);
});
