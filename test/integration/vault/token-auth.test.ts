import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/keys/secret.ts';
import type { VaultProvider, VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let directory: string;
let events: KeyEvents;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await startTransit();
  directory = await mkdtemp(join(tmpdir(), 'vault-token-'));
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
  await rm(directory, { recursive: true });
});

function make(options: VaultProviderOptions): VaultProvider {
  const provider = providerFor(server.url, options);
  providers.push(provider);
  return provider;
}

const revoke = (token: string): Promise<unknown> => server.api('POST', 'auth/token/revoke', { token });

describe('test_vault_provider_token_auth', () => {
  test('takes the token from option, file, environment and home, in this order', async () => {
    const home = join(directory, 'home');
    await mkdir(home);
    const tokenFile = join(directory, 'sink');
    const [option, variable, sink, own] = await Promise.all(
      ['option', 'variable', 'sink', 'own'].map((name) => makeToken(server, { display_name: name })),
    );
    await writeFile(tokenFile, `${sink}\n`);
    await writeFile(join(home, '.vault-token'), own ?? '');
    const env = { HOME: home, VAULT_TOKEN: variable };
    const ways: [VaultProviderOptions, string][] = [
      [{ token: option ?? '', tokenFile, env }, 'token-option'],
      [{ token: new Secret(option ?? ''), tokenFile, env }, 'token-option'],
      [{ tokenFile, env }, 'token-sink'],
      [{ env }, 'token-variable'],
      [{ env: { HOME: home, BAO_TOKEN: variable, VAULT_TOKEN: 'not this one' } }, 'token-variable'],
      [{ tokenFile, env: { HOME: home } }, 'token-sink'],
      [{ env: { HOME: home, BAO_TOKEN_PATH: tokenFile } }, 'token-sink'],
      [{ env: { HOME: home } }, 'token-own'],
    ];
    for (const [options, principal] of ways) {
      events.all.length = 0;
      await make(options).sign(keys.ed25519, text);
      expect(events.of('login')).toMatchObject([{ principal }]);
      expect(events.of('sign')).toMatchObject([
        { principal, identity: `${keys.ed25519}:v1`, version: '1', attempts: 1 },
      ]);
      expect(events.of('sign')[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('a literal token draws a warning, the others do not', async () => {
    const token = await makeToken(server);
    await make({ env: { VAULT_TOKEN: token } }).sign(keys.ed25519, text);
    expect(events.of('warning')).toEqual([]);
    await make({ token }).sign(keys.ed25519, text);
    expect(events.of('warning')).toMatchObject([{ detail: expect.stringContaining('literal') }]);
  });

  test('without a token it says where it looked', async () => {
    await expect(make({}).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('/nonexistent/.vault-token'),
    });
    await expect(make({ tokenFile: join(directory, 'absent') }).sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('absent'),
    });
  });

  test('a damaged token is refused here and not sent', async () => {
    for (const [name, content] of [
      ['two lines', 'hvs.one\nhvs.two'],
      ['quote', 'hvs."x'],
      ['empty', ' \n'],
      ['binary', Buffer.from([1, 2, 3, 200])],
    ] as const) {
      const tokenFile = join(directory, name);
      await writeFile(tokenFile, content);
      await expect(make({ tokenFile }).sign(keys.ed25519, text)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
        message: expect.not.stringContaining('hvs.'),
      });
    }
  });

  test('a token file that changes is read again, before and after the old token ends', async () => {
    const tokenFile = join(directory, 'rotating');
    const [first, second, third] = await Promise.all([makeToken(server), makeToken(server), makeToken(server)]);
    await writeFile(tokenFile, first);
    const provider = make({ tokenFile });
    await provider.sign(keys.ed25519, text);
    await writeFile(tokenFile, second);
    await provider.sign(keys.ed25519, text);
    expect(events.of('login')).toHaveLength(2);
    await revoke(second);
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await writeFile(tokenFile, third);
    await provider.sign(keys.ed25519, text);
    expect(events.of('login')).toHaveLength(3);
  });

  test('a revoked token is UNAUTHENTICATED, a missing right is ACCESS_DENIED', async () => {
    const token = await makeToken(server);
    const provider = make({ env: { VAULT_TOKEN: token } });
    await expect(provider.sign(keys.p256, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await provider.sign(keys.ed25519, text);
    await revoke(token);
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('a token without the right to look itself up is used all the same', async () => {
    const token = await makeToken(server, { no_default_policy: true });
    await make({ env: { VAULT_TOKEN: token } }).sign(keys.ed25519, text);
  });
});
