import { createPublicKey, verify } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SigningKey } from '../../../src/index.ts';
import { verifySignature } from '../../../src/keys/signature.ts';
import type { VaultProvider } from '../../../src/providers/vault/index.ts';
import { conformanceContext as context, FakeClock } from '../../../src/testing/index.ts';
import { FaultProxy } from '../../servers/fault-proxy.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { KeyEvents } from './key-events.ts';
import { keys, makeToken, providerFor, startTransit } from './transit-server.ts';

const text = Buffer.from('example.com/log\n2\nAAAA\n');
let server: BaoNamespace;
let proxy: FaultProxy;
let provider: VaultProvider;
let events: KeyEvents;

beforeAll(async () => {
  server = await startTransit();
  proxy = await FaultProxy.start({ upstream: server.url });
});
beforeEach(() => {
  provider = providerFor(proxy.url, { env: { VAULT_TOKEN: server.rootToken } });
  proxy.resetCounts();
  events = new KeyEvents();
});
afterEach(async () => {
  events.end();
  await provider.close();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const rotate = (path: string): Promise<unknown> => server.api('POST', `${path}/rotate`, {});

/** The key as an auditor without its public key has it. */
function withoutSpki({ source, identity, algorithm }: SigningKey): SigningKey {
  return { source, identity, algorithm };
}

describe.each(['ed25519', 'p256', 'p384', 'rsa', 'mldsa44', 'mldsa65', 'mac'] as const)(
  'test_vault_sign_verify with %s',
  (use) => {
    test('signs, and verifies offline and by the service', async () => {
      const key = await provider.getSigningKey(keys[use]);
      const { bytes, identity } = await provider.sign(key.identity, text);
      expect(identity).toBe(key.identity);
      const altered = Buffer.from(bytes);
      altered[bytes.length - 5] = (altered[bytes.length - 5] ?? 0) ^ 1;
      for (const known of use === 'mac' ? [key] : [key, withoutSpki(key)]) {
        const online = known.spki === undefined;
        proxy.resetCounts();
        expect(await provider.verify(known, text, bytes)).toBe(true);
        expect(await provider.verify(known, text, altered)).toBe(false);
        expect(await provider.verify(known, text, bytes.subarray(0, 20))).toBe(false);
        expect(await provider.verify(known, text, Buffer.alloc(0))).toBe(false);
        expect(await provider.verify(known, Buffer.from('other'), bytes)).toBe(false);
        expect(proxy.count() > 0).toBe(online);
      }
    });

    test('old signatures verify after ten rotations, each with its own version', async () => {
      const signed = [];
      for (let round = 0; round < 10; round += 1) {
        const key = await provider.getSigningKey(keys[use]);
        signed.push({ key, signature: await provider.sign(key.identity, text) });
        await rotate(keys[use]);
        expect(await provider.rotateCheck()).toBe(true);
      }
      expect(new Set(signed.map(({ key }) => key.identity)).size).toBe(10);
      for (const { key, signature } of signed) {
        expect(await provider.verify(key, text, signature.bytes)).toBe(true);
        expect(await provider.verify(withoutSpki(key), text, signature.bytes)).toBe(true);
      }
    });

    test('a version below min_decryption_version is unavailable online, never a bad signature; offline it verifies', async () => {
      const old = await provider.getSigningKey(keys[use]);
      const { bytes } = await provider.sign(old.identity, text);
      await rotate(keys[use]);
      const newest = Number(old.identity.replace(/.*:v/, '')) + 1;
      await server.api('POST', `${keys[use]}/config`, {
        min_decryption_version: newest,
        min_encryption_version: newest,
      });
      const other = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
      try {
        await expect(other.getSigningKey(old.identity)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
        await expect(other.sign(old.identity, text)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
        await expect(other.verify(withoutSpki(old), text, bytes)).rejects.toMatchObject({
          code: 'KEY_VERSION_UNAVAILABLE',
          message: expect.stringContaining(keys[use]),
        });
        if (use !== 'mac') expect(await other.verify(old, text, bytes)).toBe(true);
      } finally {
        await other.close();
        await server.api('POST', `${keys[use]}/config`, { min_decryption_version: 1, min_encryption_version: 0 });
      }
    });
  },
);

test('a judge that is not ours agrees: node:crypto with the PEM that Vault shows', async () => {
  const { answer } = await server.raw('GET', keys.p256);
  const { keys: versions } = (answer as { data: { keys: Record<string, { public_key: string }> } }).data;
  const { bytes, identity } = await provider.sign(keys.p256, text);
  const pem = versions[identity.replace(/.*:v/, '')]?.public_key ?? '';
  expect(verify('sha256', text, createPublicKey(pem), bytes)).toBe(true);
});

test('data keys: an auditor recovers each after ten rotations; raised min_decryption_version says which version is gone', async () => {
  const minted = [];
  for (let round = 0; round < 10; round += 1) {
    minted.push(await provider.getKey(keys.data, context));
    await rotate(keys.data);
  }
  const token = await makeToken(server, { policies: ['auditor'] });
  const auditor = providerFor(server.url, { env: { VAULT_TOKEN: token } });
  for (const key of minted) {
    const recovered = await auditor.recoverKey(key, keys.data, context);
    expect(recovered.material.equals(key.material)).toBe(true);
    recovered.erase();
  }
  await server.api('POST', `${keys.data}/config`, { min_decryption_version: 6 });
  for (const [index, key] of minted.entries()) {
    const recovery = auditor.recoverKey(key, keys.data, context);
    if (index >= 5) (await recovery).erase();
    else await expect(recovery).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
  }
  await server.api('POST', `${keys.data}/config`, { min_decryption_version: 1 });
  await auditor.close();
});

test.each(['aes128-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305'])(
  'data keys are wrapped by %s as well',
  async (type) => {
    const path = `transit/keys/data-${type}`;
    await server.api('POST', path, { type });
    const key = await provider.getKey(path, context);
    const recovered = await provider.recoverKey(key, path, context);
    expect(recovered.material.equals(key.material)).toBe(true);
    await expect(provider.recoverKey(key, path, { ...context, kid: 'c0ffee00.9' })).rejects.toMatchObject({
      code: 'WRONG_KEY_OR_CONTEXT',
    });
    recovered.erase();
    key.erase();
  },
);

test.each(['rsa-3072', 'rsa-4096'])('%s signs PSS with a salt of 32 bytes', async (type) => {
  const path = `transit/keys/sign-${type}`;
  await server.api('POST', path, { type });
  const key = await provider.getSigningKey(path);
  expect(key.algorithm).toBe('rsa-pss-sha256');
  const { bytes } = await provider.sign(path, text);
  expect(await provider.verify(key, text, bytes)).toBe(true);
});

test('keys that the log format has no name for, or that are derived, are refused', async () => {
  await server.api('POST', 'transit/keys/p521', { type: 'ecdsa-p521' });
  await server.api('POST', 'transit/keys/derived', { type: 'aes256-gcm96', derived: true });
  await expect(provider.getSigningKey('transit/keys/p521')).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  await expect(provider.getKey('transit/keys/derived', context)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
});

test('a wrapped key that says another version than the log does is not even sent', async () => {
  const key = await provider.getKey(keys.data, context);
  await rotate(keys.data);
  proxy.resetCounts();
  const { identity } = key;
  const next = identity.replace(/\d+$/, (version) => String(Number(version) + 1));
  for (const reference of [
    { ...key, source: 'vault', identity: next, wrapped: key.wrapped ?? Buffer.alloc(0) },
    { source: 'vault', identity, wrapped: Buffer.from('vault:v1:"},{"x') },
    { source: 'vault', identity, wrapped: Buffer.alloc(60, 7) },
  ]) {
    await expect(provider.recoverKey(reference, keys.data, context)).rejects.toMatchObject({
      code: 'WRONG_KEY_OR_CONTEXT',
    });
  }
  expect(proxy.count()).toBe(0);
});

test('keys of the wrong type, or absent, are refused before anything is made', async () => {
  for (const use of ['ed25519', 'rsa', 'mac'] as const) {
    await expect(provider.getKey(keys[use], context)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  }
  await expect(provider.getSigningKey(keys.data)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  await expect(provider.sign(keys.data, text)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  await expect(provider.getKey('transit/keys/absent', context)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  expect((await server.raw('GET', 'transit/keys/absent')).status).toBe(404); // not made by encrypt either
  await expect(provider.getKey('nowhere/keys/absent', context)).rejects.toMatchObject({
    code: 'KEY_NOT_FOUND',
    hint: expect.stringContaining('mount'),
  });
  await expect(provider.getKey('no-path', context)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

describe('test_key_rotation_detection', () => {
  test('rotateCheck says once that a key was rotated, for signing and data keys', async () => {
    for (const path of [keys.ed25519, keys.data]) {
      const before = path === keys.data ? await provider.getKey(path, context) : await provider.getSigningKey(path);
      expect(await provider.rotateCheck()).toBe(false);
      await rotate(path);
      expect(await provider.rotateCheck()).toBe(true);
      expect(await provider.rotateCheck()).toBe(false);
      const after = path === keys.data ? await provider.getKey(path, context) : await provider.getSigningKey(path);
      expect(after.identity).not.toBe(before.identity);
    }
  });

  test('without rotateCheck, a new version is known within key_cache_ttl_seconds', async () => {
    const clock = new FakeClock();
    const start = clock.now();
    const own = providerFor(proxy.url, { env: { VAULT_TOKEN: server.rootToken }, keyCacheTtlSeconds: 300, clock });
    const before = await own.getSigningKey(keys.ed25519);
    await rotate(keys.ed25519);
    await clock.advance(200_000);
    expect((await own.getSigningKey(keys.ed25519)).identity).toBe(before.identity);
    const reads = (): number => proxy.count('GET /v1/transit/keys/audit-sign');
    const known = reads();
    await clock.advance(clock.nextIn ?? 0); // ahead of expiry, by itself
    expect(clock.now() - start).toBeLessThan(270_001);
    await events.until('describeKey', 2);
    await clock.advance(0); // the answer is taken in just after its event
    expect(reads()).toBe(known + 1);
    expect((await own.getSigningKey(keys.ed25519)).identity).not.toBe(before.identity);
    expect(reads()).toBe(known + 1);
    await own.close();
  });

  test('an answer by a newer version is noticed at once', async () => {
    const before = await provider.getSigningKey(keys.ed25519);
    await rotate(keys.ed25519);
    const signature = await provider.sign(keys.ed25519, text); // by name: Vault takes the newest
    expect(signature.identity).not.toBe(before.identity);
    const after = await provider.getSigningKey(keys.ed25519);
    expect(after.identity).toBe(signature.identity);
    expect(await verifySignature('ed25519', after.spki ?? Buffer.alloc(0), text, signature.bytes)).toBe(true);
  });
});

describe('signBatch', () => {
  const items = Array.from({ length: 1_000 }, (_, index) => Buffer.from(`example.com/log\n${index}\nAAAA\n`));

  test.each(['ed25519', 'mac'] as const)('1,000 items with %s are three requests', async (use) => {
    const key = await provider.getSigningKey(keys[use]);
    proxy.resetCounts();
    const signatures = await provider.signBatch(key.identity, items);
    const verb = use === 'mac' ? 'hmac' : 'sign';
    expect(proxy.counts()).toEqual({ [`POST /v1/${keys[use].replace('/keys/', `/${verb}/`)}`]: 3 });
    expect(events.of('signBatch')).toMatchObject([{ items: 1_000, identity: key.identity, attempts: 1 }]);
    const spki = key.spki;
    for (const [index, item] of items.entries()) {
      const { bytes = Buffer.alloc(0), identity } = signatures[index] ?? {};
      expect(identity).toBe(key.identity);
      if (spki !== undefined) expect(await verifySignature('ed25519', spki, item, bytes)).toBe(true);
    }
  });

  test('a key that is rotated in the middle does not split a batch', async () => {
    let sent = 0;
    const own = providerFor(server.url, {
      env: { VAULT_TOKEN: server.rootToken },
      client: {
        request: async ({ method, url, headers, body, signal }) => {
          if (url.includes('/sign/')) sent += 1;
          if (sent === 2) await rotate(keys.ed25519);
          const reply = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
          return { status: reply.status, headers: {}, body: new Uint8Array(await reply.arrayBuffer()) };
        },
      },
    });
    const signatures = await own.signBatch(keys.ed25519, items);
    expect(sent).toBe(3);
    expect(new Set(signatures.map(({ identity }) => identity)).size).toBe(1);
    await own.close();
  });
});
