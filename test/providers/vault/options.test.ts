import { describe, expect, test } from 'vitest';
import { readEnvironment } from '../../../src/providers/vault/environment.ts';
import { VaultProvider, type VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { parseKeyPath } from '../../../src/providers/vault/key-path.ts';
import { resolveSettings } from '../../../src/providers/vault/options.ts';

const none = { HOME: '/nonexistent' };

describe('key paths', () => {
  test.each([
    ['transit/keys/audit', 'transit', 'audit', undefined],
    ['transit/keys/audit:v12', 'transit', 'audit', 12],
    ['teams/a/transit/keys/audit-1.b_c', 'teams/a/transit', 'audit-1.b_c', undefined],
    ['keys/keys/keys', 'keys', 'keys', undefined],
  ])('%s', (keyId, mount, name, version) => {
    expect(parseKeyPath(keyId)).toEqual({ mount, name, version, path: `${mount}/keys/${name}` });
  });

  test('a name alone is in the mount of vault_path', () => {
    expect(parseKeyPath('sign:v2', 'teams/a/keys/audit')).toMatchObject({ path: 'teams/a/keys/sign', version: 2 });
  });

  test.each([
    '',
    'audit',
    'transit/keys/',
    '/transit/keys/a',
    'transit/keys/a/b',
    'transit/keys/..',
    '../sys/keys/a',
    'a/../sys/keys/a',
    './keys/a',
    'transit/keys/a?x',
    'transit/keys/a%2f',
    'transit/keys/a b',
    'transit/keys/a\n',
    'transit/keys/a:v0',
    'transit/keys/a:v01',
    'transit/keys/a:v-1',
    'transit/keys/a:v1e3',
    'transit/keys/a:v9999999999',
    'https://evil.example.com/keys/a',
  ])('refuses %j', (keyId) => {
    expect(() => parseKeyPath(keyId)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('environment', () => {
  test('the names of OpenBao win over those of Vault, and empty ones are absent', () => {
    const env = { VAULT_ADDR: 'https://v:1', BAO_ADDR: 'https://b:1', VAULT_NAMESPACE: 'n', BAO_NAMESPACE: '' };
    expect(readEnvironment(env)).toMatchObject({ address: 'https://b:1', namespace: 'n', skipVerify: false });
  });

  test.each([
    ['false', false],
    ['0', false],
    ['F', false],
    ['true', true],
    ['1', true],
  ])('VAULT_SKIP_VERIFY=%s means %s', (text, expected) => {
    expect(readEnvironment({ VAULT_SKIP_VERIFY: text }).skipVerify).toBe(expected);
  });

  test.each([
    ['60', 60_000],
    ['90s', 90_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5s', 1_500],
  ])('VAULT_CLIENT_TIMEOUT=%s is %i ms', (text, ms) => {
    expect(readEnvironment({ VAULT_CLIENT_TIMEOUT: text }).timeoutMs).toBe(ms);
  });

  test.each([
    ['VAULT_SKIP_VERIFY', 'no'],
    ['VAULT_CLIENT_TIMEOUT', 'soon'],
    ['VAULT_CLIENT_TIMEOUT', '-3'],
    ['VAULT_CLIENT_TIMEOUT', '3x'],
    ['VAULT_CLIENT_TIMEOUT', '0'],
    ['VAULT_MAX_RETRIES', 'many'],
  ])('%s=%s is an error that names it', (name, text) => {
    expect(() => readEnvironment({ [name]: text })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    );
  });
});

describe('settings', () => {
  test('options win over the environment, the agent over the address', () => {
    const env = { VAULT_ADDR: 'https://a:1', VAULT_AGENT_ADDR: 'http://127.0.0.1:8100', VAULT_MAX_RETRIES: '0' };
    expect(resolveSettings({ addr: 'https://o:1', env }).endpoint.host).toBe('o:1');
    expect(resolveSettings({ env })).toMatchObject({ viaAgent: true, policy: { attempts: 1 } });
    expect(resolveSettings({ env, maxAttempts: 5 }).policy.attempts).toBe(5);
  });

  test.each([
    ['http://vault.example.com:8200', 'INSECURE_ENDPOINT'],
    ['http://10.0.0.1', 'INSECURE_ENDPOINT'],
    ['http://localhost.example.com', 'INSECURE_ENDPOINT'],
    ['http://127.0.0.1.example.com', 'INSECURE_ENDPOINT'],
    ['https://user:secret@vault.example.com', 'CONFIG_INVALID'],
    ['https://vault.example.com/?x=1', 'CONFIG_INVALID'],
    ['unix:///run/agent.sock', 'CONFIG_INVALID'],
    ['vault.example.com:8200', 'CONFIG_INVALID'],
  ])('%s is %s, from option and environment', (addr, code) => {
    const hidden = expect.objectContaining({ code, message: expect.not.stringContaining('secret') });
    expect(() => new VaultProvider({ addr, env: none })).toThrow(hidden);
    expect(() => new VaultProvider({ env: { ...none, VAULT_ADDR: addr } })).toThrow(hidden);
  });

  test.each(['http://127.0.0.1:8200', 'http://localhost:8200', 'http://[::1]:8200', 'https://vault.example.com/base/'])(
    '%s is taken',
    (addr) => {
      expect(new VaultProvider({ addr, env: none }).source).toBe('vault');
    },
  );

  test.each<[string, VaultProviderOptions, string]>([
    ['no address', {}, 'vault_addr'],
    ['AppRole without a role id', { addr: 'https://v', authMethod: 'approle' }, 'role id'],
    ['Kubernetes without a role', { addr: 'https://v', authMethod: 'kubernetes' }, 'role'],
    [
      'a mount that climbs',
      { addr: 'https://v', authMethod: 'approle', role: 'r', authMount: '../sys' },
      'vault_auth_mount',
    ],
    ['a certificate without its key', { addr: 'https://v', clientCertFile: '/tmp/c.pem' }, 'key file'],
    ['no time at all', { addr: 'https://v', timeoutMs: 0 }, 'timeoutMs'],
    ['a namespace with a line break', { addr: 'https://v', namespace: 'a\r\nx: y' }, 'namespace'],
  ])('refuses %s', (_, options, said) => {
    const make = (): unknown => new VaultProvider({ ...options, env: none });
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(make).toThrow(new RegExp(said === 'vault_addr' ? 'no address' : said));
  });

  test('a file that cannot be read is CONFIG_UNREADABLE and named, at each call until it can', async () => {
    const env = { ...none, VAULT_TOKEN: 'of-no-vault' };
    const provider = new VaultProvider({ addr: 'https://127.0.0.1:9', caFile: '/nonexistent/ca.pem', env });
    for (const _call of [1, 2]) {
      await expect(provider.getSigningKey('transit/keys/k')).rejects.toMatchObject({
        code: 'CONFIG_UNREADABLE',
        message: expect.stringContaining('/nonexistent/ca.pem'),
      });
    }
    await provider.close();
  });
});
