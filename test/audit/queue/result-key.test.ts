import { expect, it } from 'vitest';
import { ResultKey } from '../../../src/audit/queue/result-key.ts';

const result = { job: 'a'.repeat(64), worker: 'w', text: '{}\n' };
const key = new ResultKey(Buffer.alloc(32, 7));
const mac = key.mac(result);

it('holds what was made with it, and nothing else', () => {
  expect(key.holds({ ...result, mac })).toBe(true);
  expect(new ResultKey(Buffer.alloc(32, 8)).holds({ ...result, mac })).toBe(false);
  for (const changed of [
    { job: 'b' },
    { worker: 'x' },
    { text: '' },
    { mac: '' },
    { mac: undefined },
    { mac: `${mac}AA` },
  ]) {
    expect(key.holds({ ...result, mac, ...changed })).toBe(false);
  }
});

it('is no short one', () => {
  expect(() => new ResultKey(Buffer.alloc(31))).toThrow('fewer than 32 bytes');
});
