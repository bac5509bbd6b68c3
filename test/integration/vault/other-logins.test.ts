import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeyProvider, type KeyProvider, type TamperConfig } from '../../../src/index.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';
import type { BaoNamespace, OpenBao } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { KubernetesApi, type ServiceAccount } from './kubernetes-api.ts';
import { keys, ownTransit, startTransit } from './transit-server.ts';

/** Logins by JSON Web Token and by client certificate, and a namespace of their own. All by configuration. */

const text = Buffer.from('example.com/log\n2\nAAAA\n');
const account: ServiceAccount = { namespace: 'payments', name: 'api' };
let directory: string;
let issuer: KubernetesApi;
let events: KeyEvents;
const providers: KeyProvider[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vault-logins-'));
  issuer = await KubernetesApi.start();
});
beforeEach(() => {
  events = new KeyEvents();
});
afterEach(async () => {
  events.end();
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(async () => {
  await issuer.stop();
  await rm(directory, { recursive: true });
});

const at = (name: string): string => join(directory, name);

async function make(config: TamperConfig): Promise<KeyProvider> {
  const provider = await createKeyProvider({
    keySource: 'vault',
    vaultPath: keys.ed25519,
    useKmsSigning: true,
    ...config,
  });
  providers.push(provider);
  return provider;
}

/** Enables the method `jwt` at a mount, where tokens of our issuer are good for a policy. */
async function enableJwt(server: BaoNamespace, mount: string, policy: string, namespace?: string): Promise<void> {
  const headers = namespace === undefined ? {} : { 'x-vault-namespace': namespace };
  const ask = async (path: string, body: object): Promise<void> => {
    const { status, answer } = await server.raw('POST', path, body, server.rootToken, headers);
    expect(status, JSON.stringify(answer)).toBeLessThan(300);
  };
  await ask(`sys/auth/${mount}`, { type: 'jwt' });
  await ask(`auth/${mount}/config`, { jwt_validation_pubkeys: [issuer.publicKeyPem] });
  await ask(`auth/${mount}/role/writer`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    bound_subject: 'system:serviceaccount:payments:api',
    token_policies: [policy],
  });
}

describe('a login with a JSON Web Token', () => {
  let server: BaoNamespace;
  const config = (): TamperConfig => ({
    vaultAddr: server.url,
    vaultAuthMethod: 'jwt',
    vaultRole: 'writer',
    vaultJwtPath: at('jwt'),
  });
  beforeAll(async () => {
    server = await startTransit();
    await enableJwt(server, 'jwt', 'writer');
    await enableJwt(server, 'ci', 'writer');
  });
  afterAll(() => server.stop());

  test.each(['jwt', 'ci'])('at the mount %s, with a token that is read at each login', async (mount) => {
    await writeFile(at('jwt'), issuer.tokenOf(account));
    const provider = await make({ ...config(), ...(mount !== 'jwt' && { vaultAuthMount: mount }) });
    await provider.sign(keys.ed25519, text);
    await writeFile(at('jwt'), issuer.tokenOf(account));
    await server.api('POST', `sys/leases/revoke-prefix/auth/${mount}/login`, { sync: true });
    await provider.sign(keys.ed25519, text);
    expect(events.of('login').map(({ keyId }) => keyId)).toEqual([`jwt at "${mount}"`, `jwt at "${mount}"`]);
  });

  test.each<[string, ServiceAccount]>([
    ['another subject', { ...account, name: 'intruder' }],
    ['another audience', { ...account, audience: 'somebody-else' }],
    ['an expired one', { ...account, livesFor: -300 }],
  ])('refuses %s, and repeats nothing of the token', async (_, other) => {
    const token = issuer.tokenOf(other);
    await writeFile(at('jwt'), token);
    const error: unknown = await (await make(config())).sign(keys.ed25519, text).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('the token was refused for role "writer"'),
      hint: expect.stringContaining('bound subject'),
    });
    const shown = `${String(error)} ${JSON.stringify([error, events.all])}`;
    for (const part of token.split('.')) expect(shown).not.toContain(part);
  });

  test('needs a role, and says which file is absent', async () => {
    const { vaultRole: _, ...others } = config();
    await expect(make(others)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: 'Set vault_role',
    });
    const provider = await make({ ...config(), vaultJwtPath: at('absent') });
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining(`the JSON Web Token ${at('absent')} cannot be read`),
    });
  });
});

describe('a login in another namespace than that of the keys', () => {
  let server: BaoNamespace;
  beforeAll(async () => {
    server = await startTransit();
    const within = async (namespace: string, path: string, body: object): Promise<void> => {
      const headers = { 'x-vault-namespace': namespace };
      expect((await server.raw('POST', path, body, server.rootToken, headers)).status).toBeLessThan(300);
    };
    await server.api('POST', 'sys/namespaces/team', {});
    await within('team', 'sys/namespaces/keys', {});
    await within('team/keys', 'sys/mounts/transit', { type: 'transit' });
    await within('team/keys', keys.ed25519, { type: 'ed25519' });
    const policy = (path: string): object => ({
      policy: `path "${path}/transit/keys/audit-sign" { capabilities = ["read"] }
        path "${path}/transit/sign/audit-sign" { capabilities = ["update"] }`,
    });
    await server.api('POST', 'sys/policies/acl/below', policy('team/keys'));
    await within('team', 'sys/policies/acl/below', policy('keys'));
    await enableJwt(server, 'jwt', 'below');
    await enableJwt(server, 'jwt', 'below', 'team');
    await writeFile(at('jwt'), issuer.tokenOf(account));
  });
  afterAll(() => server.stop());

  const config = (): TamperConfig => ({
    vaultAddr: server.url,
    vaultNamespace: 'team/keys',
    vaultAuthMethod: 'jwt',
    vaultRole: 'writer',
    vaultJwtPath: at('jwt'),
  });

  test.each(['team', 'root'])('that is %s', async (vaultAuthNamespace) => {
    const provider = await make({ ...config(), vaultAuthNamespace });
    expect((await provider.sign(keys.ed25519, text)).identity).toBe(`${keys.ed25519}:v1`);
    expect(events.of('login')).toMatchObject([{ outcome: 'ok' }]);
  });

  test('is refused where the method is not', async () => {
    for (const vaultAuthNamespace of [undefined, 'team/keys']) {
      const provider = await make({ ...config(), ...(vaultAuthNamespace && { vaultAuthNamespace }) });
      await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });
});

describe('a login with a client certificate', () => {
  let server: OpenBao;
  const ca = createLoopbackCa();
  const config = (): TamperConfig => ({
    vaultAddr: server.url,
    vaultCaFile: server.tls?.caFile ?? '',
    vaultClientCertFile: at('client.pem'),
    vaultClientKeyFile: at('client.key'),
    vaultAuthMethod: 'cert',
  });
  const present = async (...names: string[]): Promise<void> => {
    const { certPem, keyPem } = ca.issue(names);
    await writeFile(at('client.pem'), certPem);
    await writeFile(at('client.key'), keyPem, { mode: 0o600 });
  };
  const allow = (mount: string, names: string): Promise<unknown> =>
    server.api('POST', `auth/${mount}/certs/writer`, {
      certificate: ca.caPem,
      allowed_dns_sans: names,
      token_policies: 'writer',
    });
  beforeAll(async () => {
    server = await ownTransit({ storage: 'raft', tls: 'server' });
    for (const mount of ['cert', 'machines']) {
      await server.api('POST', `sys/auth/${mount}`, { type: 'cert' });
      await allow(mount, 'writer.example.com');
    }
  });
  afterAll(() => server.stop());

  test.each<[string, TamperConfig]>([
    ['for a role', { vaultRole: 'writer' }],
    ['for any role', {}],
    ['at another mount', { vaultAuthMount: 'machines', vaultRole: 'writer' }],
  ])('%s', async (_, options) => {
    await present('writer.example.com');
    await (await make({ ...config(), ...options })).sign(keys.ed25519, text);
    expect(events.of('login')).toMatchObject([{ keyId: `cert at "${options.vaultAuthMount ?? 'cert'}"` }]);
  });

  test.each<[string, string, string]>([
    ['of another name', 'intruder.example.com', 'writer'],
    ['for another role', 'writer.example.com', 'nobody'],
  ])('refuses one %s', async (_, name, vaultRole) => {
    await present(name);
    await expect((await make({ ...config(), vaultRole })).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining(`the certificate was refused for role "${vaultRole}"`),
    });
  });

  test('reads the files at each login, so that a certificate may be replaced', async () => {
    await present('writer.example.com');
    const provider = await make({ ...config(), vaultRole: 'writer' });
    await provider.sign(keys.ed25519, text);
    await allow('cert', 'writer-2.example.com');
    await server.api('POST', 'sys/leases/revoke-prefix/auth/cert/login', { sync: true });
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await present('writer-2.example.com');
    await provider.sign(keys.ed25519, text);
  });

  test('needs a certificate', async () => {
    const { vaultClientCertFile: _, vaultClientKeyFile: __, ...others } = config();
    await expect(make(others)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('VAULT_CLIENT_CERT'),
    });
  });
});
