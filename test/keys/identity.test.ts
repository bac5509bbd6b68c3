import { expect, test } from 'vitest';
import { resolveNamed, splitIdentity } from '../../src/keys/identity.ts';
import { type Resolved, RotationWatch } from '../../src/keys/rotation.ts';
import { wrappingAad, wrappingPairs } from '../../src/keys/wrapping-context.ts';

test('only the version comes from the log', () => {
  const reference = { source: 'vault', identity: 'transit/keys/audit:v7' };
  expect(resolveNamed('vault', 'transit/keys/audit', reference)).toEqual({ name: 'transit/keys/audit', version: '7' });
  expect(resolveNamed('vault', 'transit/keys/audit:v7', reference)).toEqual({
    name: 'transit/keys/audit',
    version: '7',
  });
});

test.each([
  ['vault', 'transit/keys/other', 'transit/keys/audit:v7'],
  ['vault', 'transit/keys/audit:v6', 'transit/keys/audit:v7'],
  ['vault', 'transit/keys/aud', 'transit/keys/audit:v7'],
  ['vault', 'transit/keys/audit', 'transit/keys/audit:v7/../../sys'],
  ['vault', '', ':v7'],
  ['aws-kms', 'arn:aws:kms:eu-west-1:1:key/a', 'arn:aws:kms:eu-west-1:2:key/a#m'],
])('%s key "%s" is not "%s"', (source, named, identity) => {
  expect(() => resolveNamed(source, named, { source, identity })).toThrow(
    expect.objectContaining({ code: 'KEY_NOT_NAMED' }),
  );
});

test('a hostile identity is not printed raw', () => {
  const reference = { source: 'vault', identity: `\u001b[2J${'x'.repeat(9_000)}` };
  try {
    resolveNamed('vault', 'transit/keys/audit', reference);
    expect.unreachable();
  } catch (error) {
    const { message } = error as Error;
    expect(message).not.toContain('\u001b');
    expect(message.length).toBeLessThan(400);
  }
});

test('splits at the last separator', () => {
  expect(splitIdentity('vault', 'a:v1/keys/b:v22')).toEqual({ name: 'a:v1/keys/b', version: '22' });
});

test('a rotation is reported once, and not lost where the check fails', async () => {
  const watch = new RotationWatch();
  let current: Resolved = { identity: 'audit:v1' };
  watch.note('audit', current);
  expect(await watch.check(async () => current)).toBe(false);
  current = { identity: 'audit:v2' };
  await expect(watch.check(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await watch.check(async () => current)).toBe(true);
  expect(await watch.check(async () => current)).toBe(false);
  current = { identity: 'audit:v3' };
  watch.note('audit', current); // a caller was told already
  expect(await watch.check(async () => current)).toBe(false);
});

test('a key that was made again under the same identity is another key', async () => {
  const watch = new RotationWatch();
  let incarnation: string | undefined = 'one';
  const resolve = async (name: string): Promise<Resolved> => ({ identity: name, incarnation });
  watch.note('audit:v1', { identity: 'audit:v1', incarnation }); // named with its version: it can come back all the same
  expect(await watch.check(resolve)).toBe(false);
  incarnation = undefined; // nothing is said of it now: that is no change, and what was known is kept
  expect(await watch.check(resolve)).toBe(false);
  incarnation = 'two';
  expect(await watch.check(resolve)).toBe(true);
  expect(await watch.check(resolve)).toBe(false);
  watch.note('other:v1', { identity: 'other:v1' });
  expect(await watch.check(async (name) => ({ identity: `${name}, elsewhere`, incarnation }))).toBe(true);
});

test('the wrapping context has the bytes of spec 5', () => {
  const context = { origin: 'example.com/a', kid: 'c0ffee00.3' };
  expect(wrappingAad(context).toString()).toBe('fapilog-tamper/v1 data key\nexample.com/a\nc0ffee00.3\n');
  expect(wrappingPairs(context)).toEqual({ 'fapilog-tamper': 'v1', origin: 'example.com/a', key_id: 'c0ffee00.3' });
});
