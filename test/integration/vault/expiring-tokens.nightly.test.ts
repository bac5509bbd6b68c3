import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { VaultProvider, VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { type BaoNamespace, pick } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { modes, SealedLog } from './sealed-log.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

/** Tokens of 2 and 3 seconds: the server's own clock ends them, whatever the machine does meanwhile. */

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let events: KeyEvents;
const providers: VaultProvider[] = [];

beforeAll(async () => {
  server = await startTransit();
  await server.api('POST', 'sys/auth/approle', { type: 'approle' });
});
beforeEach(() => {
  events = new KeyEvents();
});
afterEach(async () => {
  events.end();
  for (const provider of providers.splice(0)) await provider.close();
});
afterAll(() => server.stop());

function make(options: VaultProviderOptions): VaultProvider {
  const provider = providerFor(server.url, options);
  providers.push(provider);
  return provider;
}

/** A provider that logs in by AppRole, with the policy `writer`. */
async function makeRole(name: string, options: Record<string, unknown>): Promise<VaultProvider> {
  const role = `auth/approle/role/${name}`;
  await server.api('POST', role, { token_policies: ['writer'], ...options });
  const VAULT_SECRET_ID = pick(await server.api('POST', `${role}/secret-id`, {}), 'data', 'secret_id');
  const roleId = pick(await server.api('GET', `${role}/role-id`), 'data', 'role_id');
  return make({ authMethod: 'approle', role: roleId, env: { VAULT_SECRET_ID } });
}

describe('a token from somewhere', () => {
  test('a 3-second token is renewed and lives on', async () => {
    const token = await makeToken(server, { ttl: '3s', period: '3s' });
    const provider = make({ env: { VAULT_TOKEN: token } });
    await provider.sign(keys.ed25519, text);
    await events.until('renew', 3); // at about 2, 4 and 6 s
    await provider.sign(keys.ed25519, text);
    expect(events.of('login')).toHaveLength(1);
  });

  test('a 3-second token that cannot be renewed is announced, and its end is UNAUTHENTICATED', async () => {
    const token = await makeToken(server, { ttl: '3s', renewable: false });
    const provider = make({ env: { VAULT_TOKEN: token } });
    await provider.sign(keys.ed25519, text);
    expect(events.of('warning')).toMatchObject([{ detail: expect.stringMatching(/expires in [23] s/) }]);
    await wait(3_300); // the server's own clock ends it
    await expect(provider.sign(keys.ed25519, text)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      hint: expect.stringContaining('approle'),
    });
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('a token of 3 seconds ends while logging, and the log goes on until there is another', async () => {
    const VAULT_TOKEN = await makeToken(server, { ttl: '3s', explicit_max_ttl: '3s' });
    const log = await SealedLog.start(make({ env: { VAULT_TOKEN } }), modes.both);
    onTestFinished(() => log.remove());
    await log.sealer.ready;
    log.load(500);
    await log.next('outage');
    expect(events.of('sign', 'UNAUTHENTICATED').length + events.of('login', 'UNAUTHENTICATED').length).toBeGreaterThan(
      0,
    );
    await log.more(500);
    log.rest();
    const { written } = log;
    expect(log.sealer.stats.records).toBeGreaterThanOrEqual(written - 50);
    expect(log.sealer.stats.dropped).toBe(0);
  });
});

describe('a token by AppRole', () => {
  test('is renewed, and logs in again where max TTL ends renewal', async () => {
    const provider = await makeRole('short', { token_ttl: '2s', token_max_ttl: '4s' });
    await provider.sign(keys.ed25519, text);
    await events.until('login', 3);
    await provider.sign(keys.ed25519, text);
    expect(events.of('renew').length).toBeGreaterThanOrEqual(2);
    expect(events.all.filter((event) => event.outcome !== 'ok')).toEqual([]);
  });

  test('a batch token, which cannot be renewed, is replaced ahead of its end', async () => {
    const provider = await makeRole('batch', { token_type: 'batch', token_ttl: '2s' });
    await provider.sign(keys.ed25519, text);
    await events.until('login', 3);
    await provider.sign(keys.ed25519, text);
    expect(events.of('renew')).toEqual([]);
  });
});
