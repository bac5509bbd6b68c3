import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { VaultProvider, VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';
import type { OpenBao, OpenBaoTls } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { keys, ownTransit, providerFor } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
const name = 'vault.internal.example.com';
let server: OpenBao;
let tls: OpenBaoTls;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await ownTransit({ storage: 'raft', tls: 'mutual', tlsHosts: [name] });
  if (server.tls === undefined) throw new Error('no TLS');
  tls = server.tls;
});
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(() => server.stop());

function make(options: VaultProviderOptions): VaultProvider {
  const { env, ...others } = options;
  const provider = providerFor(server.url, {
    env: { HOME: '/nonexistent', VAULT_TOKEN: server.rootToken, ...env },
    maxAttempts: 2,
    ...others,
  });
  providers.push(provider);
  return provider;
}

const right = (): VaultProviderOptions => ({
  caFile: tls.caFile,
  clientCertFile: tls.clientCertFile,
  clientKeyFile: tls.clientKeyFile,
  tlsServerName: name,
});

describe('TLS to a server with a private CA, a name of its own and mutual authentication', () => {
  test('works with files from options', async () => {
    expect((await make(right()).sign(keys.ed25519, text)).identity).toBe(`${keys.ed25519}:v1`);
  });

  test('works with the variables of Vault and of OpenBao', async () => {
    const caPem = await readFile(tls.caFile, 'utf8');
    const common = {
      VAULT_CLIENT_CERT: tls.clientCertFile,
      BAO_CLIENT_KEY: tls.clientKeyFile,
      VAULT_TLS_SERVER_NAME: name,
    };
    await make({ env: { ...common, VAULT_CACERT: tls.caFile } }).sign(keys.ed25519, text);
    await make({ env: { ...common, BAO_CACERT_BYTES: caPem } }).sign(keys.ed25519, text);
    await make({ env: { ...common, VAULT_CAPATH: server.directory } }).sign(keys.ed25519, text);
  });

  test.each<[string, () => VaultProviderOptions]>([
    ["Node's own CAs", () => ({ ...right(), caFile: undefined as never })],
    ['another server name', () => ({ ...right(), tlsServerName: 'vault.example.com' })],
    ['no server name, so the address', () => ({ ...right(), tlsServerName: undefined as never })],
    [
      'VAULT_SKIP_VERIFY=false, which means no',
      () => ({ ...right(), caFile: undefined as never, env: { VAULT_SKIP_VERIFY: 'false' } }),
    ],
  ])('is TLS_FAILED with %s', async (_, options) => {
    const given = Object.fromEntries(Object.entries(options()).filter(([, value]) => value !== undefined));
    await expect(make(given).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'TLS_FAILED',
      hint: expect.stringContaining('CA'),
    });
  });

  test('is refused without a client certificate, or with one of another CA', async () => {
    const other = createLoopbackCa().issue(['writer.example.com']);
    const clientCertFile = join(server.directory, 'other.pem');
    const clientKeyFile = join(server.directory, 'other.key');
    await writeFile(clientCertFile, other.certPem);
    await writeFile(clientKeyFile, other.keyPem);
    for (const options of [
      { caFile: tls.caFile, tlsServerName: name },
      { ...right(), clientCertFile, clientKeyFile },
    ]) {
      await expect(make(options).sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'TLS_FAILED' });
    }
  });

  test('VAULT_SKIP_VERIFY=true works and draws a warning', async () => {
    const events = new KeyEvents();
    const { clientCertFile = '', clientKeyFile = '' } = right();
    await make({ clientCertFile, clientKeyFile, env: { VAULT_SKIP_VERIFY: 'true' } }).sign(keys.ed25519, text);
    events.end();
    expect(events.of('warning')).toMatchObject([{ detail: expect.stringContaining('VAULT_SKIP_VERIFY') }]);
  });

  test('plain http to a TLS port is refused before a byte is sent to another host, and fails on loopback', async () => {
    const plain = server.url.replace('https:', 'http:');
    await expect(make({ addr: plain, tlsServerName: name }).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: expect.stringMatching(/RESPONSE_MALFORMED|UNAVAILABLE|UNSUPPORTED_OPERATION/),
    });
  });
});

describe('a server that is stopped and started again', () => {
  test('is UNAVAILABLE meanwhile, and the same provider goes on with the same keys', async () => {
    const provider = make(right());
    const before = await provider.sign(keys.ed25519, text);
    await server.kill();
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    await server.restart();
    const after = await provider.sign(keys.ed25519, text);
    expect(Buffer.from(after.bytes).equals(Buffer.from(before.bytes))).toBe(true); // Ed25519 is deterministic
  });
});
