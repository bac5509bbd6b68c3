import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkKeys } from '../../../src/index.ts';
import type { VaultProvider } from '../../../src/providers/vault/index.ts';
import { conformanceContext as context } from '../../../src/testing/index.ts';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import { type BaoNamespace, pick } from '../../servers/openbao.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await startTransit();
});
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(() => server.stop());

async function as(policy: string): Promise<VaultProvider> {
  const provider = providerFor(server.url, { env: { VAULT_TOKEN: await makeToken(server, { policies: [policy] }) } });
  providers.push(provider);
  return provider;
}

describe('least privilege, by the refusals of the server', () => {
  test('a writer signs and mints, and cannot unwrap, nor verify but its own MACs', async () => {
    const writer = await as('writer');
    const key = await writer.getKey(keys.data, context);
    const mac = await writer.getSigningKey(keys.mac);
    const { bytes } = await writer.sign(keys.mac, text);
    await writer.sign(keys.ed25519, text);
    await expect(writer.recoverKey(key, keys.data, context)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await writer.verify(mac, text, bytes)).toBe(true); // at a restart
    for (const [method, path] of [
      ['POST', 'transit/decrypt/audit-data'],
      ['POST', 'transit/datakey/plaintext/audit-data'],
      ['POST', 'transit/verify/audit-sign'],
      ['POST', 'transit/keys/audit-mac/rotate'],
      ['POST', 'transit/keys/audit-sign/rotate'],
      ['POST', 'transit/keys/audit-sign/config'],
      ['GET', 'transit/export/signing-key/audit-sign'],
      ['DELETE', 'transit/keys/audit-sign'],
      ['POST', 'transit/sign/audit-sign/sha2-256'],
      ['POST', 'transit/encrypt/another'],
    ] as const) {
      const { status } = await server.raw(method, path, {}, await makeToken(server));
      expect(`${method} ${path} ${status}`).toBe(`${method} ${path} 403`);
    }
  });

  test('an auditor verifies and unwraps, and can neither sign nor mint', async () => {
    const writer = await as('writer');
    const key = await writer.getKey(keys.data, context);
    const mac = await writer.getSigningKey(keys.mac);
    const { bytes } = await writer.sign(keys.mac, text);
    const auditor = await as('auditor');
    const recovered = await auditor.recoverKey(key, keys.data, context);
    expect(recovered.material.equals(key.material)).toBe(true);
    expect(await auditor.verify(mac, text, bytes)).toBe(true);
    expect((await auditor.getSigningKey(keys.ed25519)).algorithm).toBe('ed25519');
    await expect(auditor.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await expect(auditor.signBatch(keys.ed25519, [text])).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    for (const path of ['sign/audit-sign', 'hmac/audit-mac', 'encrypt/audit-data', 'datakey/plaintext/audit-data']) {
      const token = await makeToken(server, { policies: ['auditor'] });
      const { status } = await server.raw('POST', `transit/${path}`, { input: 'AAAA', plaintext: 'AAAA' }, token);
      expect(`${path} ${status}`).toBe(`${path} 403`);
    }
  });
});

describe('doctor', () => {
  const checksOf = async (policies: string[], token?: string): Promise<string[]> => {
    const VAULT_TOKEN = token ?? (await makeToken(server, { policies }));
    const provider = providerFor(server.url, { env: { VAULT_TOKEN } });
    providers.push(provider);
    const checks = await provider.checkPermissions({ dataKeyId: keys.data, signingKeyId: keys.ed25519 });
    return checks.filter(({ outcome }) => outcome !== 'ok').map(({ name, outcome }) => `${outcome} ${name}`);
  };

  test('finds nothing to say about a writer with the documented policy', async () => {
    expect(await checksOf(['writer'])).toEqual([]);
  });

  test('and so does the whole of it, with each key used', async () => {
    process.env['VAULT_TOKEN'] = await makeToken(server);
    try {
      const checks = await checkKeys({
        keySource: 'vault',
        vaultAddr: server.url,
        vaultPath: keys.data,
        signingKeyId: 'audit-sign',
      });
      expect(checks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    } finally {
      delete process.env['VAULT_TOKEN'];
    }
  });

  test('names what is missing and what is too much', async () => {
    expect(await checksOf(['auditor'])).toEqual([
      `failed key ${keys.data}`,
      'failed permission: read transit/keys/audit-data',
      'failed permission: update transit/encrypt/audit-data',
      'warning permission: update transit/decrypt/audit-data',
      'failed permission: update transit/sign/audit-sign',
    ]);
    expect(await checksOf(['root'], server.rootToken)).toEqual([
      'warning permission: create transit/encrypt/audit-data',
      'warning permission: update transit/decrypt/audit-data',
      'warning permission: update transit/verify/audit-sign',
    ]);
  });

  test('tells a writer of MACs alone that a restart needs verify', async () => {
    const without = 'path "transit/+/audit-mac" { capabilities = ["read", "update"] }';
    const policy = `${without}\npath "transit/verify/audit-mac" { capabilities = ["deny"] }`;
    await server.api('POST', 'sys/policies/acl/no-verify', { policy });
    for (const [policies, said] of [
      ['writer', []],
      ['no-verify', ['failed permission: update transit/verify/audit-mac']],
    ] as const) {
      const VAULT_TOKEN = await makeToken(server, { policies: [policies] });
      const provider = providerFor(server.url, { env: { VAULT_TOKEN } });
      providers.push(provider);
      const checks = await provider.checkPermissions({ signingKeyId: keys.mac });
      expect(checks.filter(({ outcome }) => outcome !== 'ok').map(({ name, outcome }) => `${outcome} ${name}`)).toEqual(
        said,
      );
    }
  });

  test('says of a token that Vault does not know that it is the token, and where it is from', async () => {
    const provider = providerFor(server.url, { env: { VAULT_TOKEN: 's.never' } });
    providers.push(provider);
    expect(await provider.checkPermissions({ dataKeyId: keys.data, signingKeyId: keys.ed25519 })).toMatchObject([
      {
        name: 'credentials',
        outcome: 'failed',
        code: 'UNAUTHENTICATED',
        detail: expect.stringContaining('VAULT_TOKEN'),
      },
    ]);
  });

  test('warns of a key that can be taken out of Vault', async () => {
    await server.api('POST', 'transit/keys/loose', { type: 'ed25519', exportable: true });
    const provider = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
    providers.push(provider);
    const [, check] = await provider.checkPermissions({ signingKeyId: 'transit/keys/loose' });
    expect(check).toMatchObject({ outcome: 'warning', detail: expect.stringContaining('taken out of Vault') });
  });

  test.each([
    {},
    { vaultPath: keys.data, signingKeyId: 'audit-sign' },
    { useKmsSigning: true, vaultPath: keys.ed25519 },
  ])('with a wrong secret id logs in once, says so, and stops (%j)', async (how) => {
    await server.raw('POST', 'sys/auth/wrong', { type: 'approle' }, server.rootToken); // the second time it is there
    const proxy = await FaultProxy.start({ upstream: server.url });
    process.env['VAULT_SECRET_ID'] = 'wrong';
    try {
      const checks = await checkKeys({
        keySource: 'vault',
        vaultAddr: proxy.url,
        vaultPath: keys.data,
        vaultAuthMethod: 'approle',
        vaultAuthMount: 'wrong',
        vaultRole: 'nobody',
        ...how,
      });
      expect(checks.map(({ name, outcome, code }) => [name, outcome, code])).toEqual([
        ['credentials', 'failed', 'UNAUTHENTICATED'],
      ]);
      expect(proxy.counts()).toEqual({ 'POST /v1/auth/wrong/login': 1 });
    } finally {
      delete process.env['VAULT_SECRET_ID'];
      await proxy.stop();
    }
  });

  test('a configuration reaches Vault with its AppRole and says how it went', async () => {
    await server.api('POST', 'sys/auth/approle', { type: 'approle' });
    await server.api('POST', 'auth/approle/role/w', { token_policies: ['writer'] });
    const role = pick(await server.api('GET', 'auth/approle/role/w/role-id'), 'data', 'role_id');
    const secretId = pick(await server.api('POST', 'auth/approle/role/w/secret-id', {}), 'data', 'secret_id');
    process.env['VAULT_SECRET_ID'] = secretId;
    try {
      const checks = await checkKeys({
        keySource: 'vault',
        vaultAddr: server.url,
        vaultPath: keys.data,
        signingKeyId: 'audit-sign',
        vaultAuthMethod: 'approle',
        vaultRole: role,
      });
      expect(checks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      expect(checks.map(({ name }) => name)).toContain('permission: update transit/sign/audit-sign');
      expect(checks.map(({ name }) => name)).toContain('data key');
    } finally {
      delete process.env['VAULT_SECRET_ID'];
    }
  });
});
