import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createKeyProvider,
  createSealer,
  type KeyProvider,
  type TamperConfig,
  type TamperError,
} from '../../../src/index.ts';

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
    ['throws a text', `{ throw 'secret-of-mine' }`, 'RESPONSE_MALFORMED'],
    ['throws undefined', '{ throw undefined }', 'RESPONSE_MALFORMED'],
    ['throws an error of its own', `{ throw new TypeError('secret-of-mine') }`, 'RESPONSE_MALFORMED'],
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

it('a data key that cannot be erased is refused', async () => {
  const bare = `{ source: 'acme', identity: 'k#1', material: Buffer.alloc(32, 1) }`;
  const provider = await load(`{ getKey: async () => (${bare}) }`);
  await expect(provider.getKey('k', context)).rejects.toMatchObject({
    code: 'RESPONSE_MALFORMED',
    message: expect.stringContaining('without the method erase'),
  });
});

describe('a sealer', () => {
  async function sealed(habit: string): Promise<{ warnings: TamperError[]; lines: string }> {
    const provider = `Object.assign(provider, { close: async () => undefined }, ${habit})`;
    const keyProviderModule = join(directory, `habit-${++made}.mjs`);
    writeFileSync(keyProviderModule, `${honest}\nexport const createProvider = () => ${provider};`);
    const file = join(directory, `${made}.jsonl`);
    const sealer = createSealer({
      keySource: 'custom',
      keyProviderModule,
      keyId: 'k',
      origin: context.origin,
      file,
      stateDir: directory,
    });
    const warnings: TamperError[] = [];
    sealer.on('warning', (warning) => warnings.push(warning));
    sealer.write('{"msg":"one"}\n');
    await sealer.close();
    return { warnings, lines: readFileSync(file, 'utf8') };
  }

  it('whose provider cannot be closed has sealed everything, and says so', async () => {
    const { warnings, lines } = await sealed(`{ close: async () => { throw new Error('secret-of-mine') } }`);
    expect(lines).toContain('"msg":"one"');
    expect(lines).toContain('"close"');
    expect(warnings.map(({ code }) => code)).toContain('KEY_WARNING');
    expect(warnings.map(({ message }) => message).join()).not.toContain('secret-of-mine');
  });

  it('goes on asking a provider whose calls end with errors of their own', async () => {
    const { lines } = await sealed(`(() => {
      let calls = 0;
      const { getKey } = provider;
      return { getKey: async (...of) => { if (++calls === 1) throw new TypeError('fetch failed'); return getKey(...of); } };
    })()`);
    expect(lines).toContain('"msg":"one"');
  });
});

describe('why a module is not loaded', () => {
  it.each([
    ['is not there', undefined, 'ENOENT'],
    ['is a folder', 'folder', 'not a regular file'],
    ['needs a package that is not there', `import 'acme-client-of-nobody';`, 'it needs acme-client-of-nobody'],
    ['is no JavaScript', 'secret-of-mine: {{{', 'it ends with a '],
    ['throws', `throw new RangeError('secret-of-mine');`, 'it ends with a RangeError'],
    ['throws no error', `throw 'secret-of-mine';`, 'it ends with a string'],
  ])('that %s', async (_what, text, reason) => {
    const keyProviderModule = join(directory, `module-${++made}.mjs`);
    if (text === 'folder') mkdirSync(keyProviderModule);
    else if (text !== undefined) writeFileSync(keyProviderModule, text);
    const error: unknown = await createKeyProvider({ keySource: 'custom', keyProviderModule, keyId: 'k' }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'DEPENDENCY_MISSING', message: expect.stringContaining(reason) });
    expect((error as Error).message).not.toContain('secret-of-mine');
  });
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

  it('options whose schema quotes what it refuses', async () => {
    const keyProviderOptions = { token: 'secret "of" mine', retries: 123_456, nested: [{ pin: 'pin-of-mine' }] };
    const quoting = `export const options = { '~standard': { version: 1, vendor: 'own', validate: (given) =>
      ({ issues: [{ message: 'not so: ' + given.token + JSON.stringify(given), path: ['token'] }] }) } };`;
    const error: unknown = await load('{}', { keyProviderOptions }, quoting).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('token: not so: …') });
    for (const secret of ['secret', 'mine', '123456', 'pin-of']) {
      expect((error as Error).message).not.toContain(secret);
    }
  });

  it('options that are a list', async () => {
    const keyProviderOptions = ['url'] as unknown as Record<string, unknown>;
    await expect(load('{}', { keyProviderOptions }, schema)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
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
