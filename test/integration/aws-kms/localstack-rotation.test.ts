import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataKey } from '../../../src/index.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { idOf, KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;
let provider: AwsKmsProvider;

beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('localstack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
});

describe('AwsKmsProvider rotation on LocalStack', () => {
  it('test_aws_kms_provider_rotation: a retargeted alias, for data keys and for signatures', async () => {
    provider = new AwsKmsProvider(optionsFor(proxy.url));
    const [wrapBefore, wrapAfter] = [await admin.createKey(), await admin.createKey()];
    const [signBefore, signAfter] = [await admin.createKey('ECC_NIST_P256'), await admin.createKey('RSA_2048')];
    const wrap = await admin.createAlias('alias/rotate-wrap', wrapBefore);
    const sign = await admin.createAlias('alias/rotate-sign', signBefore);

    expect(await provider.rotateCheck()).toBe(false); // nothing was handed out
    const first = await provider.getKey(wrap, context);
    const oldKey = await provider.getSigningKey(sign);
    const oldSignature = await provider.sign(sign, text);
    expect(await provider.rotateCheck()).toBe(false);

    await admin.retarget(wrap, wrapAfter);
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    const second = await provider.getKey(wrap, { ...context, kid: 'c0ffee00.2' });
    expect([first.identity, second.identity]).toEqual([wrapBefore, wrapAfter]);

    await admin.retarget(sign, signAfter);
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    const newKey = await provider.getSigningKey(sign); // refreshed, although the cache's time is not over
    expect(newKey).toMatchObject({ identity: signAfter, algorithm: 'rsa-pss-sha256' });
    expect((await provider.sign(sign, text)).identity).toBe(signAfter);

    // what was sealed before stays good
    expect(await provider.verify(oldKey, text, oldSignature.bytes)).toBe(true);
    for (const [key, named, kid] of [
      [first, wrapBefore, 'c0ffee00.1'],
      [second, wrapAfter, 'c0ffee00.2'],
    ] as const) {
      const recovered = await recover(key, named, kid);
      expect(recovered.material.equals(key.material)).toBe(true);
      recovered.erase();
      key.erase();
    }
    await provider.close();
  });

  it('new material of the same key, by its ARN and by its alias', async () => {
    provider = new AwsKmsProvider(optionsFor(proxy.url));
    const arn = await admin.createKey();
    const alias = await admin.createAlias('alias/rotate-material', arn);
    const key = await provider.getKey(arn, context);
    (await provider.getKey(alias, context)).erase();
    expect(await provider.rotateCheck()).toBe(false);
    await admin.kms.rotateKeyOnDemand({ KeyId: idOf(arn) });
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    const recovered = await recover(key, arn, context.kid); // old material decrypts for ever
    expect(recovered.material.equals(key.material)).toBe(true);
    recovered.erase();
    key.erase();
    await provider.close();
  });

  it('a change that a caller saw first is still reported, once', async () => {
    provider = new AwsKmsProvider(optionsFor(proxy.url));
    const [before, after] = [await admin.createKey(), await admin.createKey()];
    const alias = await admin.createAlias('alias/seen-first', before);
    (await provider.getKey(alias, context)).erase();
    await admin.retarget(alias, after);
    (await provider.getKey(alias, context)).erase(); // another stream of the same process
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
  });

  it('a check that fails loses no change', async () => {
    provider = new AwsKmsProvider(optionsFor(proxy.url, { maxAttempts: 1 }));
    const [before, after] = [await admin.createKey(), await admin.createKey()];
    const alias = await admin.createAlias('alias/failing-check', before);
    const other = await admin.createKey();
    (await provider.getKey(alias, context)).erase();
    (await provider.getKey(other, context)).erase();
    await admin.retarget(alias, after);
    proxy.fault = (call) => (call.body['KeyId'] === other ? 'drop' : undefined);
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    proxy.fault = () => undefined;
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
  });

  it('asks nothing about a signing key that is named by its ARN', async () => {
    provider = new AwsKmsProvider(optionsFor(proxy.url));
    await provider.sign(await admin.createKey('ECC_NIST_P256'), text);
    proxy.calls.length = 0;
    expect(await provider.rotateCheck()).toBe(false);
    expect(proxy.calls).toEqual([]);
    await provider.close();
  });
});

function recover(key: DataKey, named: string, kid: string): Promise<DataKey> {
  const { source, identity, wrapped = new Uint8Array() } = key;
  return provider.recoverKey({ source, identity, wrapped }, named, { ...context, kid });
}
