import { expect, it } from 'vitest';
import { leftBy } from '../support/garbage.ts';
import { start, workplace } from './workplace.ts';

/** A log is written for months: what a write leaves behind is to be collected while it is young. */

const text = '{"level":30,"msg":"one"}\n{"level":30,"msg":"two"}\nno JSON\n';

it.each([
  ['bytes', Buffer.from(text)],
  ['text', text],
])('lines that come as %s leave next to nothing among the old objects', async (_what, lines) => {
  const { options } = workplace();
  const sealer = start(options());
  await sealer.ready;
  let writes = 0;
  const write = (): void => {
    writes++;
    sealer.write(lines);
  };
  expect(leftBy(write, 2_000)).toBeLessThan(300);
  expect(sealer.stats.records).toBe(3 * writes);
});
