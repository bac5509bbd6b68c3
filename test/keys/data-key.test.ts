import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createDataKey } from '../../src/index.ts';

const parts = { source: 'vault', identity: 'transit/keys/audit:v3' } as const;

test('copies the material into memory of its own and overwrites the input', () => {
  const material = randomBytes(32);
  const expected = Buffer.from(material);
  const key = createDataKey({ ...parts, material });
  expect(key.material).toEqual(expected);
  expect(key.material.buffer.byteLength).toBe(32);
  expect(material.every((byte) => byte === 0)).toBe(true);
  key.erase();
  key.erase();
  expect(key.material.every((byte) => byte === 0)).toBe(true);
});

test.each([
  ['all zero', Buffer.alloc(32), 'all zero'],
  ['short', randomBytes(31), '31 bytes'],
  ['long', randomBytes(33), '33 bytes'],
  ['empty', Buffer.alloc(0), '0 bytes'],
])('refuses material that is %s, and overwrites it', (_, material, said) => {
  expect(() => createDataKey({ ...parts, material })).toThrow(
    expect.objectContaining({ code: 'KEY_MALFORMED', message: expect.stringContaining(said) }),
  );
  expect(material.every((byte) => byte === 0)).toBe(true);
});

test('prints no material', () => {
  const key = createDataKey({ ...parts, material: randomBytes(32), wrapped: Buffer.from('wrapped') });
  const printed = inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify({ key });
  expect(printed).not.toContain(key.material.toString('hex'));
  expect(printed).not.toContain(inspect(key.material).slice(8, 40));
  expect(printed).toContain('transit/keys/audit:v3');
});
