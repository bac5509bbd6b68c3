import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from '../../src/keys/secret.ts';

const canary = 'hvs.canary-5f2d';

test('a secret prints [redacted] everywhere', () => {
  const secret = new Secret(canary);
  const holder = { secret, list: [secret] };
  const error = new Error(`token ${secret}`, { cause: holder });
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true }),
    inspect(error, { depth: 9, showHidden: true }),
    Object.keys(secret).join(),
  ].join('\n');
  expect(printed).not.toContain(canary);
  expect(printed).not.toContain(Buffer.from(canary).toString('hex'));
  expect(printed).toContain('[redacted]');
});

test('take overwrites its input, the constructor leaves it alone', () => {
  const given = Buffer.from(canary);
  expect(new Secret(given).use((bytes) => bytes.toString())).toBe(canary);
  expect(given.toString()).toBe(canary);
  const secret = Secret.take(given);
  expect(given.every((byte) => byte === 0)).toBe(true);
  expect(secret.use((bytes) => bytes.toString())).toBe(canary);
});

test('an erased secret is overwritten and refuses use', () => {
  const secret = new Secret(canary);
  const bytes = secret.use((lent) => lent);
  secret.erase();
  secret.erase();
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  expect(secret.length).toBe(0);
  expect(() => secret.use(() => 1)).toThrow(expect.objectContaining({ code: 'PROVIDER_CLOSED' }));
});
