import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Secret } from '../../../src/keys/index.ts';
import type { VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { healthy, ScriptedVault } from './scripted-vault.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
const minute = 60_000;

/** A Vault that takes one credential and no other, and notes when a login came. */
function vaultThatTakes(credential: () => string, clock: FakeClock): { vault: ScriptedVault; logins: number[] } {
  const logins: number[] = [];
  const vault = new ScriptedVault((request) => {
    if (/^auth\/.*\/login$/.test(request.path)) {
      logins.push(clock.now());
      const given = request.body['secret_id'] ?? request.body['jwt'];
      if (given !== credential()) return { status: 400, json: { errors: ['invalid role or secret ID'] } };
      return { json: { auth: { client_token: 'hvs.new', lease_duration: 3_600, renewable: true } } };
    }
    if (request.path === 'transit/hmac/k') {
      return { json: { data: { hmac: `vault:v1:${Buffer.alloc(32, 7).toString('base64')}` } } };
    }
    return healthy('hmac', request) ?? { status: 404, json: {} };
  });
  return { vault, logins };
}

/** Signs every second for hours, as a writer with a key service that is away does at most. */
async function keepSigning(vault: ScriptedVault, options: VaultProviderOptions, clock: FakeClock, minutes: number) {
  const provider = vault.provider({ ...options, clock, path: 'transit/keys/k', maxAttempts: 1 });
  onTestFinished(() => provider.close());
  const codes = new Set<string>();
  for (let second = 0; second < minutes * 60; second++) {
    await clock.advance(1_000);
    await provider.sign('transit/keys/k', text).then(
      () => codes.add('ok'),
      (error: unknown) => codes.add((error as { code: string }).code),
    );
  }
  return { provider, codes: [...codes] };
}

describe('a login that is refused', () => {
  test.each(['approle', 'kubernetes'] as const)(
    '%s: is never repeated five times with less than 15 minutes between, which would lock the role for everybody',
    async (authMethod) => {
      const clock = new FakeClock(0);
      const { vault, logins } = vaultThatTakes(() => 'right', clock);
      const directory = mkdtempSync(join(tmpdir(), 'vault-login-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const jwtPath = join(directory, 'jwt');
      writeFileSync(jwtPath, 'wrong');
      const options = { authMethod, role: 'r', jwtPath, env: { HOME: '/nonexistent', VAULT_SECRET_ID: 'wrong' } };
      const { codes } = await keepSigning(vault, options, clock, 120);
      expect(codes).toEqual(['UNAUTHENTICATED']);
      expect(logins.length).toBeGreaterThan(4); // it does not give up
      let row = 1;
      for (let at = 1; at < logins.length; at++) {
        row = (logins[at] ?? 0) - (logins[at - 1] ?? 0) < 15 * minute ? row + 1 : 1;
        expect(row).toBeLessThan(5);
      }
    },
    60_000,
  );

  test('is repeated at once with another secret id', async () => {
    const clock = new FakeClock(0);
    const { vault, logins } = vaultThatTakes(() => 'right', clock);
    const env: Record<string, string> = { HOME: '/nonexistent', VAULT_SECRET_ID: 'wrong' };
    const { provider } = await keepSigning(vault, { authMethod: 'approle', role: 'r', env }, clock, 10);
    const before = logins.length;
    await expect(provider.sign('transit/keys/k', text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('not asked again'),
    });
    expect(logins).toHaveLength(before);
    env['VAULT_SECRET_ID'] = 'right';
    await clock.advance(2_000); // a key that could not be read is not asked for again at once
    await provider.sign('transit/keys/k', text);
    expect(logins).toHaveLength(before + 1);
  });

  test('a secret id that stops working costs four logins in its first quarter of an hour', async () => {
    const clock = new FakeClock(0);
    let right = 'first';
    const { vault, logins } = vaultThatTakes(() => right, clock);
    const env = { HOME: '/nonexistent', VAULT_SECRET_ID: 'first' };
    await keepSigning(vault, { authMethod: 'approle', role: 'r', env }, clock, 1);
    right = 'destroyed';
    const provider = vault.provider({ authMethod: 'approle', role: 'r', env, clock, path: 'transit/keys/k' });
    onTestFinished(() => provider.close());
    logins.length = 0;
    for (let second = 0; second < 15 * 60; second++) {
      await clock.advance(1_000);
      await expect(provider.sign('transit/keys/k', text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect(logins).toHaveLength(4);
  });

  test('a credential that is not there yet costs none, and is found when it is there', async () => {
    const clock = new FakeClock(0);
    const { vault, logins } = vaultThatTakes(() => 'right', clock);
    const env: Record<string, string> = { HOME: '/nonexistent' };
    const { provider, codes } = await keepSigning(vault, { authMethod: 'approle', role: 'r', env }, clock, 1);
    expect([codes, logins]).toEqual([['UNAUTHENTICATED'], []]);
    env['VAULT_SECRET_ID'] = 'right';
    await clock.advance(2_000); // a key that could not be read is not asked for again at once
    await provider.sign('transit/keys/k', text);
  });

  test('a Vault that is away is no refusal', async () => {
    const clock = new FakeClock(0);
    let away = true;
    const { vault: answering } = vaultThatTakes(() => 'right', clock);
    let logins = 0;
    const vault = new ScriptedVault(async (request) => {
      if (request.path.endsWith('/login')) logins += 1;
      if (away) return { status: 503, json: { errors: ['sealed'] } };
      const { status, body } = await answering.request({
        method: 'POST',
        url: `https://v/v1/${request.path}`,
        headers: {},
        body: Buffer.from(JSON.stringify(request.body)),
        signal: new AbortController().signal,
      });
      return { status, text: body.toString() };
    });
    const env = { HOME: '/nonexistent', VAULT_SECRET_ID: 'right' };
    const { provider } = await keepSigning(vault, { authMethod: 'approle', role: 'r', env }, clock, 1);
    expect(logins).toBeGreaterThan(20);
    away = false;
    await clock.advance(5_000);
    await provider.sign('transit/keys/k', text);
  });
});

describe('warnings', () => {
  const warningsOf = (options: VaultProviderOptions): string[] => {
    const provider = new ScriptedVault(() => ({})).provider(options);
    onTestFinished(() => provider.close());
    const said: string[] = [];
    provider.onWarning(({ code, message }) => said.push(`${code}: ${message}`));
    return said;
  };

  test('a literal token and TLS that is not verified are said, also to whoever listens later', () => {
    const env = { HOME: '/nonexistent', VAULT_SKIP_VERIFY: 'true' };
    expect(warningsOf({ token: 'hvs.canary', env })).toEqual([
      'KEY_WARNING: the Vault token is a literal option of the configuration',
      expect.stringContaining('VAULT_SKIP_VERIFY'),
    ]);
    expect(warningsOf({})).toEqual([]);
  });

  test('a token that ends and cannot be renewed is said once, when it is known', async () => {
    const vault = new ScriptedVault((request) =>
      request.path === 'auth/token/lookup-self'
        ? { json: { data: { id: 'hvs.test', ttl: 3_600, renewable: false } } }
        : (healthy('hmac', request) ?? { status: 404, json: {} }),
    );
    const provider = vault.provider({ path: 'transit/keys/k' });
    onTestFinished(() => provider.close());
    const said: string[] = [];
    provider.onWarning(({ message }) => said.push(message));
    for (let n = 0; n < 3; n++) await provider.getSigningKey('transit/keys/k');
    expect(said).toEqual([expect.stringContaining('cannot be renewed')]);
  });
});

test('two calls that are refused at once cost one login, also where one of them learns of it late', async () => {
  let logins = 0;
  let revoked = false;
  let lookups = 0;
  let tell = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const vault = new ScriptedVault(async (request) => {
    const token = request.headers['x-vault-token'] ?? request.headers['X-Vault-Token'];
    if (/^auth\/.*\/login$/.test(request.path)) {
      logins++;
      return { json: { auth: { client_token: `hvs.${logins}`, lease_duration: 3_600, renewable: true } } };
    }
    const isGone = revoked && token === 'hvs.1';
    if (isGone && request.path === 'auth/token/lookup-self' && ++lookups === 2) await late;
    if (isGone) return { status: 403, json: { errors: ['permission denied'] } };
    if (request.path === 'transit/hmac/k') {
      return { json: { data: { hmac: `vault:v1:${Buffer.alloc(32, 7).toString('base64')}` } } };
    }
    return healthy('hmac', request) ?? { status: 404, json: {} };
  });
  const env = { HOME: '/nonexistent', VAULT_SECRET_ID: 'right' };
  const provider = vault.provider({ authMethod: 'approle', role: 'r', env, path: 'transit/keys/k', maxAttempts: 1 });
  onTestFinished(() => provider.close());
  await provider.sign('transit/keys/k', text);
  revoked = true;
  const both = [provider.sign('transit/keys/k', text), provider.sign('transit/keys/k', text)];
  await Promise.race(both); // one has logged in again by now
  tell();
  await Promise.all(both);
  expect(lookups).toBe(2);
  expect(logins).toBe(2);
});

describe('a provider that is closed while it logs in', () => {
  test.each([false, true])('keeps no credential (wrapped: %s)', async (wrapped) => {
    const kept: Secret[] = [];
    const { copy: real } = Secret.prototype;
    const copy = vi.spyOn(Secret.prototype, 'copy').mockImplementation(function (this: Secret) {
      const made = real.call(this);
      kept.push(made);
      return made;
    });
    onTestFinished(() => copy.mockRestore());
    const vault = new ScriptedVault(async ({ path }) => {
      if (path === 'sys/wrapping/lookup') return { json: { data: { creation_path: 'auth/approle/role/r/secret-id' } } };
      if (path === 'sys/wrapping/unwrap') return { json: { data: { secret_id: 'inner' } } };
      return { json: { auth: { client_token: 'hvs.new', lease_duration: 3_600, renewable: true } } };
    });
    const ended: Promise<void>[] = [];
    const env = {
      HOME: '/nonexistent',
      get VAULT_SECRET_ID(): string {
        ended.push(Promise.resolve(provider.close()));
        return 'outer';
      },
    };
    const provider = vault.provider({
      authMethod: 'approle',
      role: 'r',
      secretIdWrapped: wrapped,
      env,
      path: 'transit/keys/k',
    });
    await expect(provider.sign('transit/keys/k', text)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
    await Promise.all(ended);
    await vi.waitFor(() => expect(vault.requests.some(({ path }) => path === 'auth/approle/login')).toBe(true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.filter(({ erased }) => !erased)).toEqual([]);
  });
});
