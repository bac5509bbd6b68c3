import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/testing/index.ts';
import { virtualDeadlines } from '../../support/virtual-time.ts';
import { useAzureServer } from './setup.ts';

const azure = useAzureServer();
const root = Buffer.from('audit.example.com/azure\n2\nAAAA\n');

describe('test_azure_keyvault_provider', () => {
  it('test_azure_keyvault_provider', async () => {
    const a = await azure.create('k');
    const provider = azure.provider();
    const key = await provider.getSigningKey(azure.key('k'));
    expect(key).toMatchObject({
      identity: azure.identity(a),
      algorithm: 'ecdsa-p256-sha256',
      source: 'azure-keyvault',
    });
    expect(Buffer.from(key.spki ?? []).toString('base64')).toBe(a.spki);
    const signature = await provider.sign(key.identity, root);
    await expect(provider.verify(key, root, signature.bytes)).resolves.toBe(true);
    expect((await azure.server.admin('requests')).filter(({ operation }) => operation === 'verify')).toEqual([]);
  });

  it('what version A signed and version B continued verifies, under the identities of both', async () => {
    const a = await azure.create('k');
    const provider = azure.provider();
    const keyA = await provider.getSigningKey(azure.key('k'));
    const byA = await provider.sign(azure.key('k'), root);
    const b = await azure.create('k');
    await expect(provider.rotateCheck()).resolves.toBe(true);
    await expect(provider.rotateCheck()).resolves.toBe(false);
    const keyB = await provider.getSigningKey(azure.key('k'));
    const byB = await provider.sign(azure.key('k'), root);
    expect([byA.identity, byB.identity]).toEqual([azure.identity(a), azure.identity(b)]);
    const auditor = azure.provider();
    await azure.server.admin('updateKey', { name: 'k', version: a.version, enabled: false });
    await expect(auditor.verify(keyA, root, byA.bytes)).resolves.toBe(true);
    await expect(auditor.verify(keyB, root, byB.bytes)).resolves.toBe(true);
    await expect(auditor.verify(keyB, root, byA.bytes)).resolves.toBe(false);
  });

  it('verifies offline after the vault is gone, with the public key alone', async () => {
    await azure.create('k', { kty: 'RSA' });
    const provider = azure.provider();
    const key = await provider.getSigningKey(azure.key('k'));
    const { bytes } = await provider.sign(azure.key('k'), root);
    await azure.server.admin('fault', { on: '*', kind: 'reset' });
    await azure.server.admin('clearRequests');
    await expect(azure.provider().verify(key, root, bytes)).resolves.toBe(true);
    expect(await azure.server.admin('requests')).toEqual([]);
  });

  it("never takes over the SDK's stale id: after a rotation the identity is the one that signed", async () => {
    await azure.create('k');
    const provider = azure.provider({ keyCacheTtlSeconds: 0 });
    const first = await provider.sign(azure.key('k'), root);
    const b = await azure.create('k');
    const second = await provider.sign(azure.key('k'), root);
    expect(second.identity).toBe(azure.identity(b));
    expect(second.identity).not.toBe(first.identity);
    const key = await provider.getSigningKey(second.identity);
    await expect(provider.verify(key, root, second.bytes)).resolves.toBe(true);
  });
});

describe('close', () => {
  it.each(['get', 'sign', 'token'])('ends a call that hangs (%s), and no deadline does', async (on) => {
    await azure.create('k');
    const provider = azure.provider({ ...virtualDeadlines, clock: new FakeClock(Date.now()) });
    await azure.server.admin('fault', { on, kind: 'hang' });
    const call = provider.sign(azure.key('k'), root);
    call.catch(() => undefined);
    const began = async (): Promise<boolean> => {
      const seen = await azure.server.admin('requests');
      return seen.some(({ operation, path, caller }) =>
        on === 'token' ? path.endsWith('/token') : operation === on && caller,
      );
    };
    while (!(await began())) await new Promise((resolve) => setTimeout(resolve, 10));
    await provider.close();
    await expect(call).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  });
});

describe('the newest enabled version', () => {
  const at = (day: number): number => 1_700_000_000 + day * 86_400;

  it.each([true, false])(
    'is the one before, where the newest is disabled (disabled keys shown: %s)',
    async (getDisabled) => {
      await azure.server.admin('settings', { getDisabled });
      await azure.create('k', { created: at(1) });
      const second = await azure.create('k', { created: at(2) });
      await azure.create('k', { created: at(3), enabled: false });
      await expect(azure.provider().getSigningKey(azure.key('k'))).resolves.toMatchObject({
        identity: azure.identity(second),
      });
    },
  );

  it('is found among more versions than fit on a page', async () => {
    const versions = [];
    for (let day = 0; day < 32; day++) versions.push(await azure.create('k', { created: at(day) }));
    for (const { version } of versions.slice(-2)) {
      await azure.server.admin('updateKey', { name: 'k', version, enabled: false });
    }
    const expected = versions.at(-3);
    await expect(azure.provider().getSigningKey(azure.key('k'))).resolves.toMatchObject({
      identity: expected && azure.identity(expected),
    });
  });

  it('of the same second is the one that the service lists last', async () => {
    const made = await Promise.all([1, 2, 3].map(() => azure.create('k', { created: at(1) })));
    const newest = await azure.create('k', { created: at(1), enabled: false });
    expect(newest.name).toBe('k');
    const last = made.map(azure.identity).sort().at(-1);
    await expect(azure.provider().getSigningKey(azure.key('k'))).resolves.toMatchObject({ identity: last });
  });

  it('is not one whose time has not come, nor one whose time is over, while another is in force', async () => {
    const good = await azure.create('k', { created: at(1) });
    await azure.create('k', { created: at(2), exp: 1 });
    await azure.create('k', { created: at(3), nbf: 4_000_000_000 });
    const signature = await azure.provider().sign(azure.key('k'), root);
    expect(signature.identity).toBe(azure.identity(good));
  });

  it('does not exist where every version is disabled', async () => {
    await azure.create('k', { enabled: false });
    await expect(azure.provider().getSigningKey(azure.key('k'))).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  });

  it('is looked for again where the known one was disabled a moment ago', async () => {
    const a = await azure.create('k', { created: at(1) });
    const b = await azure.create('k', { created: at(2) });
    const provider = azure.provider();
    expect((await provider.sign(azure.key('k'), root)).identity).toBe(azure.identity(b));
    await azure.server.admin('updateKey', { name: 'k', version: b.version, enabled: false });
    expect((await provider.sign(azure.key('k'), root)).identity).toBe(azure.identity(a));
    await expect(provider.sign(azure.identity(b), root)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  });
});

describe('a version outside its dates', () => {
  it('signs nothing, and its public key can still be read', async () => {
    const made = await azure.create('k', { exp: 1 });
    const provider = azure.provider();
    await expect(provider.getSigningKey(azure.key('k'))).resolves.toMatchObject({ identity: azure.identity(made) });
    await expect(provider.sign(azure.key('k'), root)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  });

  it('still recovers the data keys that it wrapped', async () => {
    const made = await azure.create('o', { kty: 'oct-HSM' });
    const context = { origin: 'audit.example.com/azure', kid: 'c0ffee00.1' };
    const provider = azure.provider();
    const key = await provider.getKey(azure.key('o'), context);
    await azure.server.admin('updateKey', { name: 'o', version: made.version, exp: 1 });
    const recovered = await provider.recoverKey(key, azure.key('o'), context);
    expect(recovered.material.equals(key.material)).toBe(true);
    await expect(provider.getKey(azure.key('o'), context)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  });
});

describe('data keys', () => {
  const context = { origin: 'audit.example.com/azure', kid: 'c0ffee00.1' };

  it.each([
    ['RSA', /takes only the public key/],
    ['EC', /cannot wrap data keys/],
  ])('are refused on %s keys, with the reason', async (kty, reason) => {
    await azure.create('k', { kty });
    const refused = azure.provider().getKey(azure.key('k'), context);
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', message: reason });
    expect((await azure.server.admin('requests')).some(({ operation }) => operation === 'wrapkey')).toBe(false);
  });

  it('are refused on AES keys that may not encrypt, or have another length', async () => {
    await azure.create('wrap-only', { kty: 'oct-HSM', key_ops: ['wrapKey', 'unwrapKey'] });
    await azure.create('short', { kty: 'oct-HSM', size: 128 });
    const provider = azure.provider();
    await expect(provider.getKey(azure.key('wrap-only'), context)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
    await expect(provider.getKey(azure.key('short'), context)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  });

  it('survive rotation and the disabling of nothing but their own version', async () => {
    const a = await azure.create('o', { kty: 'oct-HSM' });
    const provider = azure.provider();
    const old = await provider.getKey(azure.key('o'), context);
    await azure.create('o', { kty: 'oct-HSM' });
    await azure.create('o', { kty: 'oct-HSM', enabled: false });
    expect((await provider.recoverKey(old, azure.key('o'), context)).identity).toBe(azure.identity(a));
    await azure.server.admin('updateKey', { name: 'o', version: a.version, enabled: false });
    await expect(provider.recoverKey(old, azure.key('o'), context)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  });

  it('of another vault or key are not asked for', async () => {
    await azure.create('o', { kty: 'oct-HSM' });
    const provider = azure.provider();
    const key = await provider.getKey(azure.key('o'), context);
    await azure.server.admin('clearRequests');
    for (const named of [azure.key('p'), 'https://other.vault.azure.net/keys/o']) {
      await expect(provider.recoverKey(key, named, context)).rejects.toMatchObject({ code: 'KEY_NOT_NAMED' });
    }
    expect(await azure.server.admin('requests')).toEqual([]);
  });
});
