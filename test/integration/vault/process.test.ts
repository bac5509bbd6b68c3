import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { type BuiltPackage, buildPackage, writeProgram } from '../../support/built-package.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let built: BuiltPackage;

beforeAll(async () => {
  [server, built] = await Promise.all([startTransit(), buildPackage()]);
});
afterAll(async () => {
  await server.stop();
  built.remove();
});

test('a process that never closes its provider ends by itself, with a renewal planned and connections alive', async () => {
  const program = writeProgram(
    built,
    'unclosed.mjs',
    `import { VaultProvider } from './dist/providers/vault/index.js';
     const provider = new VaultProvider();
     const key = await provider.getSigningKey('${keys.ed25519}');
     const { bytes } = await provider.sign(key.identity, Buffer.from('text'));
     console.log(key.identity, bytes.length);`,
  );
  const env = { VAULT_ADDR: server.url, VAULT_TOKEN: await makeToken(server), HOME: '/nonexistent' };
  const { code, stdout, stderr } = await built.run([], { program, env });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${keys.ed25519}:v1 64\n`, stderr: '' });
});

test('a key in a namespace is reached by vault_namespace alone', async () => {
  await server.api('POST', 'sys/namespaces/teams', {});
  const inside = { 'x-vault-namespace': 'teams' };
  await server.raw('POST', 'sys/mounts/transit', { type: 'transit' }, server.rootToken, inside);
  await server.raw('POST', 'transit/keys/inside', { type: 'ed25519' }, server.rootToken, inside);
  const env = { VAULT_TOKEN: server.rootToken };
  const provider = providerFor(server.url, { namespace: 'teams', env });
  expect((await provider.sign('transit/keys/inside', text)).identity).toBe('transit/keys/inside:v1');
  await provider.close();
  const outside = providerFor(server.url, { env });
  await expect(outside.sign('transit/keys/inside', text)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  await outside.close();
});

test('a key that was soft-deleted is KEY_DISABLED, and works again once it is restored', async () => {
  await server.api('POST', 'transit/keys/soft', { type: 'ed25519' });
  const provider = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
  await provider.sign('transit/keys/soft', text);
  await server.api('DELETE', 'transit/keys/soft/soft-delete');
  await expect(provider.sign('transit/keys/soft', text)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  await server.api('POST', 'transit/keys/soft/soft-delete-restore');
  await provider.sign('transit/keys/soft', text);
  await provider.close();
});
