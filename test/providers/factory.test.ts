import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKeyProvider, type TamperConfig } from '../../src/index.ts';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };
const directory = mkdtempSync(join(tmpdir(), 'factory-'));
const dataKey = randomBytes(32);
const seed = randomBytes(32);
let built: BuiltPackage;

beforeAll(async () => {
  vi.stubEnv('FAPILOG_TAMPER_KEY', dataKey.toString('base64'));
  vi.stubEnv('FAPILOG_TAMPER_SIGNING_KEY', seed.toString('hex'));
  writeFileSync(join(directory, 'data.key'), dataKey.toString('hex'), { mode: 0o600 });
  writeFileSync(join(directory, 'sign.key'), seed.toString('hex'), { mode: 0o600 });
  built = await buildPackage({ own: true });
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
  built.remove();
});

function module(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('test_provider_factory', () => {
  const file = { keySource: 'file', keyFilePath: join(directory, 'data.key') } as const;
  const signing = { signingKeyId: 'sign', signingKeyFilePath: join(directory, 'sign.key') } as const;

  it.each<[string, TamperConfig, string]>([
    ['the environment', {}, 'env'],
    ['a file', file, 'file'],
    ['a directory', { keySource: 'file', keyFilePath: directory, keyId: 'data' }, 'file'],
  ])('a data key from %s', async (_, config, source) => {
    const provider = await createKeyProvider(config);
    const key = await provider.getKey(config.keyId ?? 'default', context);
    expect(key).toMatchObject({ source, identity: config.keyId ?? 'default' });
    expect(key.material.equals(dataKey)).toBe(true);
    await expect(provider.sign('default', Buffer.alloc(1))).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await provider.close();
  });

  it.each<[string, TamperConfig, string]>([
    ['the environment', { algorithm: 'Ed25519', keyEnvVar: 'FAPILOG_TAMPER_SIGNING_KEY' }, 'env'],
    ['a file', { algorithm: 'Ed25519', keySource: 'file', keyFilePath: join(directory, 'sign.key') }, 'file'],
  ])('a signing key from %s', async (_, config, source) => {
    const provider = await createKeyProvider(config);
    expect(await provider.getSigningKey('default')).toMatchObject({ source, algorithm: 'ed25519' });
    await expect(provider.getKey('default', context)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await provider.close();
  });

  it.each<[string, TamperConfig, string, string]>([
    ['file and file', { ...file, ...signing }, 'file', 'file'],
    ['environment and environment', { signingKeyId: 'sign' }, 'env', 'env'],
    ['environment and file', { ...signing, signingKeySource: 'file' }, 'env', 'file'],
    ['file and environment', { ...file, signingKeyId: 'sign', signingKeySource: 'env' }, 'file', 'env'],
  ])('both keys, from %s', async (_, config, data, signature) => {
    const provider = await createKeyProvider(config);
    expect(provider.source).toBe(data);
    expect(await provider.getKey('default', context)).toMatchObject({ source: data });
    const key = await provider.getSigningKey('sign');
    expect(key.source).toBe(signature);
    const { bytes } = await provider.sign(key.identity, Buffer.from('x'));
    expect(await provider.verify(key, Buffer.from('x'), bytes)).toBe(true);
    expect(await provider.signBatch('sign', [Buffer.from('x')])).toHaveLength(1);
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
    await expect(provider.getKey('default', context)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
    await expect(provider.sign('sign', Buffer.from('x'))).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  });

  it('a change that one of two sources shows is told though the other fails', async () => {
    const path = join(directory, 'changing.key');
    writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 });
    const provider = await createKeyProvider({
      signingKeyId: 'sign',
      signingKeySource: 'file',
      signingKeyFilePath: path,
    });
    await provider.getKey('default', context);
    await provider.getSigningKey('sign');
    vi.stubEnv('FAPILOG_TAMPER_KEY', 'broken');
    writeFileSync(path, randomBytes(32).toString('hex'));
    expect(await provider.rotateCheck()).toBe(true);
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    vi.stubEnv('FAPILOG_TAMPER_KEY', dataKey.toString('base64'));
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
  });

  it('a provider of your own, by module path', async () => {
    const text = `export function createProvider(config) {
      const no = async () => { throw new Error('unused'); };
      const getKey = async (keyId) => ({ source: 'hsm', identity: keyId + '@' + config.keyId, material: Buffer.alloc(32, 1), erase() {} });
      return { source: 'hsm', versionSeparator: '@', getKey, recoverKey: no,
        getSigningKey: no, sign: no, signBatch: no, verify: no, rotateCheck: async () => false, close: async () => {} };
    }`;
    const keyProviderModule = module('own.mjs', text);
    const provider = await createKeyProvider({ keySource: 'custom', keyId: 'k', keyProviderModule });
    expect(provider.source).toBe('hsm');
    expect((await provider.getKey('k', context)).identity).toBe('k@k');
  });

  it.each<[string, string | undefined, string, string]>([
    ['no module', undefined, 'CONFIG_INVALID', 'no module is named'],
    ['a module that is not there', './none.mjs', 'DEPENDENCY_MISSING', './none.mjs cannot be loaded'],
    ['a package that is not there', 'no-such-package-of-mine', 'DEPENDENCY_MISSING', 'cannot be loaded'],
    ['a module that throws', 'throw new Error("x")', 'DEPENDENCY_MISSING', 'cannot be loaded'],
    ['a module without createProvider', 'export const x = 1', 'CONFIG_INVALID', 'does not export'],
    [
      'a module that makes nothing',
      'export const createProvider = () => null',
      'CONFIG_INVALID',
      'did not return an object',
    ],
    ['a provider without source', 'export const createProvider = () => ({})', 'CONFIG_INVALID', 'has no source'],
    [
      'half a provider',
      'export const createProvider = async () => ({ source: "x" })',
      'CONFIG_INVALID',
      'no method getKey',
    ],
  ])('refuses %s', async (name, text, code, part) => {
    const path = text?.includes(' ') ? module(`${name.replaceAll(' ', '-')}.mjs`, text) : text;
    const config = {
      keySource: 'custom',
      keyId: 'k',
      ...(path === undefined ? {} : { keyProviderModule: path }),
    } as const;
    await expect(createKeyProvider(config)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(part),
      hint: expect.any(String),
    });
  });

  it('takes from the environment what it is not given, as createSealer does', async () => {
    vi.stubEnv('FAPILOG_TAMPER_KEY_SOURCE', 'file');
    vi.stubEnv('FAPILOG_TAMPER_KEY_FILE_PATH', join(directory, 'data.key'));
    vi.stubEnv('FAPILOG_TAMPER_KEY_ID', 'from-the-environment');
    try {
      const provider = await createKeyProvider({});
      expect(await provider.getKey('from-the-environment', context)).toMatchObject({ source: 'file' });
      await provider.close();
      const own = await createKeyProvider({ keyId: 'ours' });
      expect(await own.getKey('ours', context)).toMatchObject({ source: 'file', identity: 'ours' });
      await own.close();
      vi.stubEnv('FAPILOG_TAMPER_KEYID', 'misspelt');
      await expect(createKeyProvider({})).rejects.toMatchObject({ code: 'CONFIG_UNKNOWN_OPTION' });
    } finally {
      for (const name of ['KEY_SOURCE', 'KEY_FILE_PATH', 'KEY_ID', 'KEYID'])
        vi.stubEnv(`FAPILOG_TAMPER_${name}`, undefined);
    }
  });

  it('checks its configuration', async () => {
    await expect(createKeyProvider({ keySource: 'file' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(createKeyProvider({ keySource: 'AWS' } as unknown as TamperConfig)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(createKeyProvider({ key_source: 'env' } as unknown as TamperConfig)).rejects.toMatchObject({
      code: 'CONFIG_UNKNOWN_OPTION',
    });
  });

  it.each<[string, TamperConfig]>([
    ['env', {}],
    ['file', file],
    ['aws-kms', { keySource: 'aws-kms', keyId: 'alias/a' }],
    ['gcp-kms', { keySource: 'gcp-kms', keyId: 'k' }],
    ['azure-keyvault', { keySource: 'azure-keyvault', keyId: 'k' }],
    [
      'vault',
      { keySource: 'vault', vaultPath: 'transit/keys/k', vaultAddr: 'https://127.0.0.1:1', vaultTokenFile: '/none' },
    ],
  ])('loads the code of %s and of no other source', async (source, config) => {
    writeProgram(
      built,
      'hooks.mjs',
      `import { writeSync } from 'node:fs';
       export async function load(url, context, next) { writeSync(1, url + ' '); return next(url, context); }`,
    );
    const program = writeProgram(
      built,
      'loaded.mjs',
      `import { register } from 'node:module';
       register('./hooks.mjs', import.meta.url);
       const { createKeyProvider } = await import('./dist/index.js');
       await createKeyProvider(JSON.parse(process.argv[2]));`,
    );
    const { stdout, stderr } = await built.run([JSON.stringify(config)], { program });
    expect(stderr).toBe('');
    const loaded = new Set([...stdout.matchAll(/\/dist\/providers\/([a-z-]+)/g)].map(([, name]) => name));
    for (const always of ['internal', 'index', 'env', 'file']) loaded.delete(always); // the package root has the local ones
    expect([...loaded]).toEqual(['env', 'file'].includes(source) ? [] : [source]);
    expect(stdout).not.toMatch(/node_modules\/(@aws-sdk|@google-cloud|@azure|yaml)/);
  });
});

describe('test_missing_dependency_error', () => {
  const gcpKey = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
  const azureKey = 'https://v.vault.azure.net/keys/k';
  const services: [string, TamperConfig & { keyId: string }, string][] = [
    ['AWS KMS', { keySource: 'aws-kms', keyId: 'alias/a', awsRegion: 'eu-west-1' }, '@aws-sdk/client-kms'],
    ['Google Cloud KMS', { keySource: 'gcp-kms', keyId: gcpKey }, '@google-cloud/kms'],
    ['Azure Key Vault', { keySource: 'azure-keyvault', keyId: azureKey }, '@azure/keyvault-keys'],
  ];

  it.each(services)('%s, from the factory', async (service, config, packageName) => {
    const program = writeProgram(
      built,
      'missing.mjs',
      `import { createKeyProvider } from './dist/index.js';
       const provider = await createKeyProvider(JSON.parse(process.argv[2]));
       try { await provider.getSigningKey(JSON.parse(process.argv[2]).keyId); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }
       await provider.close();`,
    );
    const { stdout, stderr } = await built.run([JSON.stringify(config)], { program });
    expect(stderr).toBe('');
    const both = `${packageName} and @azure/identity. Install them with: npm install ${packageName} @azure/identity`;
    const needs =
      config.keySource === 'azure-keyvault' ? both : `${packageName}. Install it with: npm install ${packageName}`;
    expect(JSON.parse(stdout)).toEqual({ code: 'DEPENDENCY_MISSING', message: `${service} support requires ${needs}` });
  });

  it('Azure Key Vault, with one of its two packages', async () => {
    const link = join(built.directory, 'node_modules/@azure/keyvault-keys');
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(fileURLToPath(new URL('../../node_modules/@azure/keyvault-keys', import.meta.url)), link);
    const { stdout } = await built.run([JSON.stringify({ keySource: 'azure-keyvault', keyId: azureKey })], {
      program: 'missing.mjs',
    });
    expect(JSON.parse(stdout).message).toBe(
      'Azure Key Vault support requires @azure/identity. Install it with: npm install @azure/identity',
    );
  });

  it('names no package that package.json does not declare as an optional peer', () => {
    const { peerDependenciesMeta } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const [, , packageName] of services) expect(peerDependenciesMeta[packageName]).toEqual({ optional: true });
  });
});
