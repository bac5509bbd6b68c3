import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { VaultProvider, VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import { type BaoNamespace, pick } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { keys, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let proxy: FaultProxy;
let directory: string;
let events: KeyEvents;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await startTransit();
  proxy = await FaultProxy.start({ upstream: server.url });
  directory = await mkdtemp(join(tmpdir(), 'vault-approle-'));
  await server.api('POST', 'sys/auth/approle', { type: 'approle' });
  await server.api('POST', 'sys/auth/teams/audit', { type: 'approle' });
});
beforeEach(() => {
  events = new KeyEvents();
  proxy.resetCounts();
});
afterEach(async () => {
  events.end();
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
  await rm(directory, { recursive: true });
});

function make(options: VaultProviderOptions): VaultProvider {
  const provider = providerFor(proxy.url, { authMethod: 'approle', ...options });
  providers.push(provider);
  return provider;
}

/** A role with the policy `writer`, and its role id. */
async function makeRole(name: string, options: Record<string, unknown> = {}, mount = 'approle'): Promise<string> {
  await server.api('POST', `auth/${mount}/role/${name}`, { token_policies: ['writer'], ...options });
  return pick(await server.api('GET', `auth/${mount}/role/${name}/role-id`), 'data', 'role_id');
}

async function makeSecretId(name: string, mount = 'approle'): Promise<string> {
  return pick(await server.api('POST', `auth/${mount}/role/${name}/secret-id`, {}), 'data', 'secret_id');
}

async function wrapSecretId(name: string): Promise<string> {
  const headers = { 'x-vault-wrap-ttl': '60s' };
  const { answer } = await server.raw('POST', `auth/approle/role/${name}/secret-id`, {}, server.rootToken, headers);
  return pick(answer, 'wrap_info', 'token');
}

async function revokeAllOf(prefix: string): Promise<void> {
  await server.api('POST', `sys/leases/revoke-prefix/${prefix}`, { sync: true });
}

describe('test_vault_provider_approle', () => {
  test('logs in with the secret id from the environment or a file, at any mount', async () => {
    const roleId = await makeRole('plain');
    await make({ role: roleId, env: { VAULT_SECRET_ID: await makeSecretId('plain') } }).sign(keys.ed25519, text);
    expect(events.of('login')).toMatchObject([{ keyId: 'approle at "approle"', principal: 'plain' }]);
    const other = await makeRole('other', {}, 'teams/audit');
    const secretIdFile = join(directory, 'secret-id');
    await writeFile(secretIdFile, `${await makeSecretId('other', 'teams/audit')}\n`);
    await make({ role: other, secretIdFile, authMount: 'teams/audit' }).sign(keys.ed25519, text);
    expect(events.of('login')).toMatchObject([{}, { keyId: 'approle at "teams/audit"', principal: 'other' }]);
  });

  test('a wrong role id or secret id is UNAUTHENTICATED', async () => {
    const roleId = await makeRole('strict');
    const right = await makeSecretId('strict');
    for (const [role, secretId] of [
      [roleId, 'wrong'],
      ['wrong', right],
    ] as const) {
      await expect(make({ role, env: { VAULT_SECRET_ID: secretId } }).sign(keys.ed25519, text)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
    }
    await expect(make({ role: roleId }).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('no secret id'),
    });
  });

  test('many first calls share one login', async () => {
    const roleId = await makeRole('busy');
    const provider = make({ role: roleId, env: { VAULT_SECRET_ID: await makeSecretId('busy') } });
    await Promise.all(Array.from({ length: 20 }, () => provider.sign(keys.ed25519, text)));
    expect(proxy.count('POST /v1/auth/approle/login')).toBe(1);
    expect(proxy.count('GET /v1/transit/keys/audit-sign')).toBe(1);
    expect(proxy.count('POST /v1/transit/sign/audit-sign')).toBe(20);
  });

  test('a revoked token is replaced by one new login, unseen by the caller', async () => {
    const roleId = await makeRole('revoked');
    const provider = make({ role: roleId, env: { VAULT_SECRET_ID: await makeSecretId('revoked') } });
    await provider.sign(keys.ed25519, text);
    await revokeAllOf('auth/approle/login');
    await Promise.all([provider.sign(keys.ed25519, text), provider.sign(keys.ed25519, text)]);
    expect(events.of('login')).toHaveLength(2);
  });

  test('a right that is missing costs no login after login', async () => {
    const roleId = await makeRole('denied');
    const provider = make({ role: roleId, env: { VAULT_SECRET_ID: await makeSecretId('denied') } });
    for (let index = 0; index < 5; index += 1) {
      await expect(provider.sign(keys.p256, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    }
    expect(proxy.count('POST /v1/auth/approle/login')).toBe(1);
  });

  test('a secret id that is used up is CREDENTIALS_EXHAUSTED', async () => {
    const roleId = await makeRole('once', { secret_id_num_uses: 1 });
    const provider = make({ role: roleId, env: { VAULT_SECRET_ID: await makeSecretId('once') } });
    await provider.sign(keys.ed25519, text);
    await revokeAllOf('auth/approle/login');
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'CREDENTIALS_EXHAUSTED',
      hint: expect.stringContaining('new secret id'),
    });
    expect(events.of('login', 'CREDENTIALS_EXHAUSTED')).toHaveLength(1);
  });

  test('a wrapped secret id is unwrapped once, and serves later logins', async () => {
    const roleId = await makeRole('wrapped');
    const secretIdFile = join(directory, 'wrapping-token');
    await writeFile(secretIdFile, await wrapSecretId('wrapped'));
    const provider = make({ role: roleId, secretIdFile, secretIdWrapped: true });
    await provider.sign(keys.ed25519, text);
    await revokeAllOf('auth/approle/login');
    await provider.sign(keys.ed25519, text);
    expect(events.of('unwrap')).toHaveLength(1);
    expect(events.of('login')).toHaveLength(2);
    await writeFile(secretIdFile, await wrapSecretId('wrapped'));
    await revokeAllOf('auth/approle/login');
    await provider.sign(keys.ed25519, text);
    expect(events.of('unwrap')).toHaveLength(2);
  });

  test('a wrapping token that somebody opened, or made elsewhere, is refused and not opened', async () => {
    const roleId = await makeRole('watched');
    const opened = await wrapSecretId('watched');
    await server.raw('POST', 'sys/wrapping/unwrap', undefined, opened);
    await expect(
      make({ role: roleId, env: { VAULT_SECRET_ID: opened }, secretIdWrapped: true }).sign(keys.ed25519, text),
    ).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('already unwrapped') });
    const { answer } = await server.raw(
      'POST',
      'sys/wrapping/wrap',
      { secret_id: await makeSecretId('watched') },
      server.rootToken,
      { 'x-vault-wrap-ttl': '60s' },
    );
    const forged = pick(answer, 'wrap_info', 'token');
    proxy.resetCounts();
    await expect(
      make({ role: roleId, env: { VAULT_SECRET_ID: forged }, secretIdWrapped: true }).sign(keys.ed25519, text),
    ).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('not created by the AppRole'),
    });
    expect(proxy.counts()).toEqual({ 'POST /v1/sys/wrapping/lookup': 1 });
    expect(events.of('unwrap', 'UNAUTHENTICATED')).toHaveLength(2);
  });
});
