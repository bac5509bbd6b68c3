import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RedisAddressOptions, redisAddress } from '../../../src/audit/redis/redis-address.ts';
import { isTamperError, type TamperError } from '../../../src/errors.ts';
import { foreignOwner } from '../../support/foreign-owner.ts';

const CANARY = 'canary-Zq7%21';
const DECODED = 'canary-Zq7!';

function given(options: Partial<RedisAddressOptions>): RedisAddressOptions {
  return { url: undefined, passwordFile: undefined, allowPlain: false, env: {}, ...options };
}

async function refusal(options: Partial<RedisAddressOptions>): Promise<TamperError> {
  try {
    await redisAddress(given(options));
  } catch (error) {
    if (isTamperError(error)) return error;
    throw error;
  }
  return expect.unreachable('it was accepted');
}

describe('the address of a Redis', () => {
  it.each([
    ['redis://127.0.0.1', 'redis://127.0.0.1:6379', { host: '127.0.0.1', port: 6379, db: 0 }],
    ['redis://localhost:7000/3', 'redis://localhost:7000/3', { host: 'localhost', port: 7000, db: 3 }],
    ['redis://[::1]:7000/', 'redis://[::1]:7000', { host: '::1', port: 7000, db: 0 }],
    [
      'rediss://worker@queue.example.com',
      'rediss://queue.example.com:6379',
      { host: 'queue.example.com', port: 6379, db: 0, username: 'worker', tls: { servername: 'queue.example.com' } },
    ],
    ['rediss://192.0.2.7:6380', 'rediss://192.0.2.7:6380', { host: '192.0.2.7', port: 6380, db: 0, tls: {} }],
  ])('%s', async (url, name, login) => {
    for (const options of [given({ url }), given({ env: { REDIS_URL: url } })]) {
      const address = await redisAddress(options);
      expect(address.name).toBe(name);
      expect(address.login()).toEqual(login);
    }
  });

  it('takes the password from a file, then from REDIS_URL, then from REDIS_PASSWORD', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'redis-')), 'password');
    await writeFile(file, `of file\n`, { mode: 0o600 });
    const env = { REDIS_URL: `redis://:${CANARY}@127.0.0.1`, REDIS_PASSWORD: 'of variable' };
    const passwordOf = async (options: Partial<RedisAddressOptions>): Promise<string | undefined> =>
      (await redisAddress(given(options))).login().password;
    expect(await passwordOf({ passwordFile: file, env })).toBe('of file');
    expect(await passwordOf({ env })).toBe(DECODED);
    expect(await passwordOf({ env: { ...env, REDIS_URL: 'redis://127.0.0.1' } })).toBe('of variable');
    // the password of one server is not sent to another
    expect(await passwordOf({ url: 'redis://localhost', env: { REDIS_URL: env.REDIS_URL } })).toBeUndefined();
  });

  it('is printed without its password, however that is done', async () => {
    const address = await redisAddress(given({ env: { REDIS_URL: `rediss://u:${CANARY}@queue.example.com` } }));
    for (const text of [inspect(address, { showHidden: true, depth: 9 }), JSON.stringify(address), String(address)]) {
      expect(text).not.toContain(DECODED);
      expect(text).not.toContain(CANARY);
    }
  });

  it('refuses a password on the command line, and does not repeat it', async () => {
    const error = await refusal({ url: `rediss://u:${CANARY}@queue.example.com` });
    expect(error.code).toBe('USAGE');
    expect(error.hint).toContain('--redis-password-file');
    expect(inspect(error, { depth: 9 })).not.toMatch(/canary/);
  });

  it.each([
    ['an address of something else', `https://u:${CANARY}@queue.example.com`],
    ['no address', `${CANARY}`],
    ['no host', `redis://:${CANARY}@`],
    ['a port that is none', `rediss://u:${CANARY}@queue.example.com:99999`],
    ['a database with a name', `rediss://u:${CANARY}@queue.example.com/main`],
    ['a query', `rediss://queue.example.com?password=${CANARY}`],
    ['a fragment', `rediss://queue.example.com#${CANARY}`],
    ['a broken escape', `rediss://u%:${CANARY}@queue.example.com`],
  ])('refuses %s without repeating it', async (_what, url) => {
    const byFlag = await refusal({ url });
    const byVariable = await refusal({ env: { REDIS_URL: url } });
    expect([byFlag.code, byVariable.code]).toEqual(['USAGE', 'CONFIG_INVALID']);
    expect(byFlag.message).toContain('--redis-url');
    expect(byVariable.message).toContain('REDIS_URL');
    for (const error of [byFlag, byVariable]) expect(inspect(error, { depth: 9 })).not.toMatch(/canary/);
  });

  it('refuses plain text to another host, unless told otherwise', async () => {
    for (const url of [
      'redis://queue.example.com',
      'redis://192.0.2.7',
      'redis://[2001:db8::1]',
      'redis://127.example.com',
    ]) {
      expect((await refusal({ url })).code).toBe('INSECURE_ENDPOINT');
      expect((await redisAddress(given({ url, allowPlain: true }))).name).toBe(`${url}:6379`);
    }
  });

  it('names what is missing', async () => {
    expect((await refusal({})).code).toBe('USAGE');
    expect((await refusal({ env: { REDIS_URL: '' } })).code).toBe('USAGE');
    expect((await refusal({ url: 'redis://localhost', passwordFile: '/nonexistent/password' })).code).toBe('NOT_FOUND');
    const empty = join(await mkdtemp(join(tmpdir(), 'redis-')), 'password');
    await writeFile(empty, '\n', { mode: 0o600 });
    expect((await refusal({ url: 'redis://localhost', passwordFile: empty })).code).toBe('READ_FAILED');
  });

  it('refuses a password file of another user', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'redis-')), 'password');
    await writeFile(file, CANARY, { mode: 0o600 });
    const user = process.geteuid?.();
    if (user === undefined) {
      expect((await redisAddress(given({ url: 'redis://localhost', passwordFile: file }))).name).toContain('localhost');
      return; // Windows has no owners of that kind
    }
    const { owner, restore } = foreignOwner(file, user);
    onTestFinished(restore);
    const error = await refusal({ url: 'redis://localhost', passwordFile: file });
    expect([error.code, error.message]).toEqual(['KEY_FILE_PERMISSIONS', expect.stringContaining(`user ${owner}`)]);
  });

  it.each([0o644, 0o640, 0o604, 0o660])('refuses a password file of mode %o, as a key file', async (mode) => {
    const file = join(await mkdtemp(join(tmpdir(), 'redis-')), 'password');
    await writeFile(file, CANARY);
    await chmod(file, mode);
    const error = await refusal({ url: 'redis://localhost', passwordFile: file });
    expect(error.code).toBe('KEY_FILE_PERMISSIONS');
    expect(error.message).not.toContain(CANARY);
  });
});
