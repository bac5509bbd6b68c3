import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { VaultProvider } from '../../../src/providers/vault/index.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { KubernetesApi, type ServiceAccount } from './kubernetes-api.ts';
import { keys, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
const account: ServiceAccount = { namespace: 'payments', name: 'api' };
let server: BaoNamespace;
let cluster: KubernetesApi;
let jwtPath: string;
let events: KeyEvents;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await startTransit();
  cluster = await KubernetesApi.start();
  jwtPath = join(await mkdtemp(join(tmpdir(), 'vault-kubernetes-')), 'token');
  await server.api('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await server.api('POST', 'auth/kubernetes/config', {
    kubernetes_host: cluster.url,
    token_reviewer_jwt: cluster.tokenOf({ namespace: 'vault', name: 'reviewer' }),
    disable_local_ca_jwt: true,
    kubernetes_ca_cert: createLoopbackCa().caPem,
  });
  await server.api('POST', 'auth/kubernetes/role/writer', {
    bound_service_account_names: 'api',
    bound_service_account_namespaces: 'payments',
    audience: 'vault',
    token_policies: ['writer'],
  });
  // the jwt method takes the same request, and checks the token itself
  await server.api('POST', 'sys/auth/cluster-2', { type: 'jwt' });
  await server.api('POST', 'auth/cluster-2/config', { jwt_validation_pubkeys: [cluster.publicKeyPem] });
  await server.api('POST', 'auth/cluster-2/role/writer', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    bound_subject: 'system:serviceaccount:payments:api',
    token_policies: ['writer'],
  });
});
beforeEach(() => {
  events = new KeyEvents();
});
afterEach(async () => {
  events.end();
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(async () => {
  await server.stop();
  await cluster.stop();
  await rm(join(jwtPath, '..'), { recursive: true });
});

function make(authMount = 'kubernetes', role = 'writer'): VaultProvider {
  const provider = providerFor(server.url, { authMethod: 'kubernetes', role, jwtPath, authMount });
  providers.push(provider);
  return provider;
}

describe.each(['kubernetes', 'cluster-2'])('test_vault_provider_kubernetes at "%s"', (mount) => {
  const revoke = (): Promise<unknown> =>
    server.api('POST', `sys/leases/revoke-prefix/auth/${mount}/login`, { sync: true });

  test('logs in as the service account of the pod', async () => {
    await writeFile(jwtPath, cluster.tokenOf(account));
    await make(mount).sign(keys.ed25519, text);
    expect(events.of('login')).toMatchObject([{ keyId: `kubernetes at "${mount}"` }]);
    expect(events.of('login')[0]?.principal).toBe(mount === 'kubernetes' ? 'payments/api' : 'writer');
  });

  test('reads the service account token again at each login', async () => {
    await writeFile(jwtPath, cluster.tokenOf(account));
    const provider = make(mount);
    await provider.sign(keys.ed25519, text);
    await writeFile(jwtPath, cluster.tokenOf({ ...account, livesFor: -300 }));
    await provider.sign(keys.ed25519, text); // the Vault token is still good
    await revoke();
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await writeFile(jwtPath, cluster.tokenOf(account)); // the kubelet has replaced it
    await provider.sign(keys.ed25519, text);
    expect(events.of('login')).toHaveLength(2);
  });

  test.each<[string, ServiceAccount]>([
    ['another service account', { ...account, name: 'intruder' }],
    ['another namespace', { ...account, namespace: 'default' }],
    ['another audience', { ...account, audience: 'somebody-else' }],
    ['a token that has expired', { ...account, livesFor: -300 }],
  ])('refuses %s', async (_, other) => {
    await writeFile(jwtPath, cluster.tokenOf(other));
    await expect(make(mount).sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('refuses an absent token file and an unknown role', async () => {
    await writeFile(jwtPath, cluster.tokenOf(account));
    await expect(make(mount, 'nobody').sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await rm(jwtPath);
    await expect(make(mount).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining(jwtPath),
    });
  });
});
