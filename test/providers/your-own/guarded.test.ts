import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createKeyProvider, type KeyProvider, type TamperConfig } from '../../../src/index.ts';

/** Providers of third parties with bad habits: what they do becomes an error with a code, and never a log that cannot be verified. */

const directory = mkdtempSync(join(tmpdir(), 'guarded-'));
let made = 0;
const context = { origin: 'audit.example.com/a', kid: 'AAAAAAAA.1' };

const honest = `
  const key = (identity) => ({ source: 'acme', identity, material: Buffer.alloc(32, 7), wrapped: Buffer.from('w'), erase() {} });
  const signer = (identity) => ({ source: 'acme', identity, algorithm: 'kms-hmac-sha256' });
  const signature = (identity) => ({ bytes: Buffer.alloc(32), algorithm: 'kms-hmac-sha256', identity });
  globalThis.closings = 0;
  const provider = {
    source: 'acme', versionSeparator: '#',
    getKey: async (name) => key(name + '#1'), recoverKey: async ({ identity }) => key(identity),
    getSigningKey: async (name) => signer(name + '#1'), sign: async (name) => signature(name + '#1'),
    signBatch: async (name, items) => items.map(() => signature(name + '#1')),
    verify: async () => true, rotateCheck: async () => false, close: async () => { globalThis.closings++; },
  };`;

function load(habit: string, more: Partial<TamperConfig> = {}, exported = ''): Promise<KeyProvider> {
  const keyProviderModule = join(directory, `habit-${++made}.mjs`);
  const text = `${honest}\n${exported}\nexport const createProvider = (config, options) => Object.assign(provider, ${habit});`;
  writeFileSync(keyProviderModule, text);
  return createKeyProvider({ keySource: 'custom', keyProviderModule, keyId: 'k', ...more });
}

const reference = { source: 'acme', identity: 'k#1', wrapped: Buffer.from('w') };
const data = Buffer.from('data');
const uses: Readonly<Record<string, (provider: KeyProvider) => Promise<unknown>>> = {
  getKey: (provider) => provider.getKey('k', context),
  recoverKey: (provider) => provider.recoverKey(reference, 'k', context),
  getSigningKey: (provider) => provider.getSigningKey('k'),
  sign: (provider) => provider.sign('k', data),
  signBatch: (provider) => provider.signBatch('k', [data, data]),
};

afterEach(() => {
  vi.useRealTimers();
});

it('an honest one is used as it is, and closed once', async () => {
  const provider = await load('{}');
  for (const use of Object.values(uses)) await use(provider);
  await Promise.all([provider.close(), provider.close()]);
  await provider.close();
  expect(Reflect.get(globalThis, 'closings')).toBe(1);
});

describe.each(Object.keys(uses))('%s', (method) => {
  const use = uses[method] as (provider: KeyProvider) => Promise<unknown>;
  const all = method === 'signBatch' ? (text: string) => `[${text}, ${text}]` : (text: string) => text;
  const given = (identity: string, source = 'acme'): string =>
    all(
      `{ source: '${source}', identity: ${identity}, algorithm: 'kms-hmac-sha256', bytes: Buffer.alloc(32), material: Buffer.alloc(32, 1), erase() {} }`,
    );
  const signs = method === 'sign' || method === 'signBatch'; // a signature says no source

  it.each([
    ['throws a text', `{ throw 'secret-of-mine' }`, 'INTERNAL'],
    ['throws undefined', '{ throw undefined }', 'INTERNAL'],
    ['throws an error of its own', `{ throw new TypeError('secret-of-mine') }`, 'INTERNAL'],
    [
      'throws an error of a second copy of this package',
      `{ throw Object.assign(new Error('x'), { name: 'TamperError', code: 'THROTTLED', retryable: true }) }`,
      'THROTTLED',
    ],
    ['gives nothing', '{}', 'RESPONSE_MALFORMED'],
    ['gives null', '{ return null }', 'RESPONSE_MALFORMED'],
    ['gives a number', '{ return 7 }', 'RESPONSE_MALFORMED'],
    ['gives another key', `{ return ${given("'other#1'")} }`, 'RESPONSE_MALFORMED'],
    ['gives a key whose name begins as this one', `{ return ${given("'k2#1'")} }`, 'RESPONSE_MALFORMED'],
    ['gives a version with a separator in it', `{ return ${given("'k#1#2'")} }`, 'RESPONSE_MALFORMED'],
    ['gives an identity that is no text', `{ return ${given('{}')} }`, 'RESPONSE_MALFORMED'],
  ])('that %s', async (_what, body, code) => {
    const provider = await load(`{ ${method}: async () => ${body} }`);
    const error: unknown = await use(provider).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TamperError', code });
    expect((error as Error).message).not.toContain('secret-of-mine');
  });

  if (!signs) {
    it('that gives a key of another source', async () => {
      for (const source of ['aws-kms', 'file', 'other']) {
        const provider = await load(`{ ${method}: async () => (${given("'k#1'", source)}) }`);
        await expect(use(provider)).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
      }
    });
  }

  it('that hangs ends', async () => {
    const provider = await load(`{ ${method}: () => new Promise(() => undefined) }`);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const used = expect(use(provider)).rejects.toMatchObject({ code: 'TIMEOUT' });
    await vi.advanceTimersByTimeAsync(61_000);
    await used;
  });
});

it('a data key is recovered only under its own name, whatever the provider compares', async () => {
  const provider = await load('{}');
  for (const identity of ['other#1', 'k2#1', 'k#1#2', 'k', 'k#', '#1']) {
    const recovered = provider.recoverKey({ ...reference, identity }, identity === 'k' ? 'other' : 'k', context);
    await expect(recovered).rejects.toMatchObject({ code: 'KEY_NOT_NAMED' });
  }
  const elsewhere = provider.recoverKey({ ...reference, source: 'vault' }, 'k', context);
  await expect(elsewhere).rejects.toMatchObject({ code: 'KEY_NOT_NAMED' });
});

it('only true is true of a signature', async () => {
  const provider = await load(`{ verify: async () => 'yes' }`);
  expect(await provider.verify({ source: 'acme', identity: 'k#1', algorithm: 'kms-hmac-sha256' }, data, data)).toBe(
    false,
  );
});

describe('what is refused before anything is used', () => {
  it.each(['env', 'file', 'aws-kms', 'gcp-kms', 'azure-keyvault', 'vault'])('the source %s', async (source) => {
    await expect(load(`{ source: '${source}' }`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is one of this package'),
    });
  });

  it.each(['A', 'a b', 'a/b', '../a', '1', 'a'.repeat(65), 'ä', 'a\\n'])('the source "%s"', async (source) => {
    await expect(load(`{ source: '${source}' }`)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it.each(['""', '"-"', '"v"', '"1."', '7', 'null'])('the separator %s', async (separator) => {
    await expect(load(`{ versionSeparator: ${separator} }`)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  const schema = `export const options = { '~standard': { version: 1, vendor: 'own', validate: (given) =>
    Object.keys(given).join() === 'url' ? { value: given } : { issues: [{ message: 'unknown option', path: ['token'] }] } } };`;

  it('options that its schema refuses, without their values', async () => {
    const keyProviderOptions = { url: 'https://keys.example.com', token: 'secret-of-mine' };
    const loaded = load('{}', { keyProviderOptions }, schema);
    await expect(loaded).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/token: unknown option$/),
    });
    await expect(loaded).rejects.not.toMatchObject({ message: expect.stringContaining('secret-of-mine') });
    await expect(load('{}', { keyProviderOptions: { url: 'x' } }, schema)).resolves.toMatchObject({ source: 'acme' });
  });

  it('options of a provider that has none, and options without a provider', async () => {
    const keyProviderOptions = { url: 'https://keys.example.com' };
    await expect(load('{}', { keyProviderOptions })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('it takes no options'),
    });
    await expect(createKeyProvider({ keyProviderOptions })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('options of two providers that do not say whose they are', async () => {
    const two = { signingKeyId: 's', signingKeySource: 'fapilog-tamper-keys-other' } as const;
    await expect(load('{}', { ...two, keyProviderOptions: { url: 'x' } }, schema)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('does not say which provider'),
    });
    const keyProviderOptions = { custom: { url: 'x' } };
    await expect(load('{}', { ...two, keyProviderOptions }, schema)).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      hint: 'Install it with: npm install fapilog-tamper-keys-other',
    });
  });

  it.each(['acme', 'fapilog-tamper-keys-', 'fapilog-tamper-keys-../x', 'fapilog-tamper-keys-A', './x.mjs'])(
    'the key source %s, which is no package of this kind',
    async (keySource) => {
      const config = { keySource, keyId: 'k' } as unknown as TamperConfig;
      await expect(createKeyProvider(config)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('or a package fapilog-tamper-keys-NAME'),
      });
    },
  );
});
