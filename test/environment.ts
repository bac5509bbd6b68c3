import { afterAll, expect } from 'vitest';

/** Files share processes: a variable of ours that one leaves behind is an unknown option to every sealer of the next. */

const own = (): Map<string, string | undefined> =>
  new Map(Object.entries(process.env).filter(([name]) => name.startsWith('FAPILOG_TAMPER_')));

const before = own();
afterAll(() => {
  const after = own();
  const changed = [...before.keys(), ...after.keys()].filter((name) => before.get(name) !== after.get(name));
  expect(changed, 'variables that this file sets and does not take back').toEqual([]);
});
