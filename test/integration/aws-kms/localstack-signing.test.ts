import { verify as nodeVerify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeyEvent, onKeyEvent, type SignatureAlgorithm } from '../../../src/index.ts';
import { readCanonicalSpki } from '../../../src/keys/public-key.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { aliasArn, idOf, KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
let server: SharedServer;
let admin: KmsAdmin;
let provider: AwsKmsProvider;

beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('localstack');
  admin = new KmsAdmin(server.url);
  provider = new AwsKmsProvider(optionsFor(server.url));
});
afterAll(async () => {
  await provider?.close();
  admin?.close();
});

describe('AwsKmsProvider signing on LocalStack', () => {
  it.each<['ECC_NIST_P256' | 'ECC_NIST_P384' | 'RSA_2048' | 'RSA_3072', SignatureAlgorithm, object]>([
    ['ECC_NIST_P256', 'ecdsa-p256-sha256', { hash: 'sha256' }],
    ['ECC_NIST_P384', 'ecdsa-p384-sha384', { hash: 'sha384' }],
    ['RSA_2048', 'rsa-pss-sha256', { hash: 'sha256', padding: 6, saltLength: 32 }],
    ['RSA_3072', 'rsa-pss-sha256', { hash: 'sha256', padding: 6, saltLength: 32 }],
  ])('test_aws_kms_provider_sign %s', async (spec, algorithm, how) => {
    const arn = await admin.createKey(spec);
    const alias = await admin.createAlias(`alias/sign-${spec.toLowerCase()}`, arn);
    const key = await provider.getSigningKey(alias);
    expect(key).toMatchObject({ source: 'aws-kms', identity: arn, algorithm });
    const publicKey = readCanonicalSpki(key.spki ?? new Uint8Array(), 'spki');
    for (const name of [alias, aliasArn(alias, arn).replace(/^.*:alias/, 'alias'), arn, idOf(arn)]) {
      const signature = await provider.sign(name, text);
      expect(signature).toMatchObject({ algorithm, identity: arn });
      const { hash, ...padding } = how as { hash: string };
      expect(nodeVerify(hash, text, { key: publicKey, ...padding }, signature.bytes)).toBe(true);
      expect(await provider.verify(key, text, signature.bytes)).toBe(true);
      expect(await provider.verify(key, Buffer.from('other'), signature.bytes)).toBe(false);
    }
  });

  it('signs by PKCS #1 v1.5 where that is preferred', async () => {
    const arn = await admin.createKey('RSA_2048');
    const pkcs1 = new AwsKmsProvider(optionsFor(server.url, { signingAlgorithms: ['rsa-pkcs1-sha256'] }));
    const key = await pkcs1.getSigningKey(arn);
    const signature = await pkcs1.sign(arn, text);
    expect(signature.algorithm).toBe('rsa-pkcs1-sha256');
    expect(await pkcs1.verify(key, text, signature.bytes)).toBe(true);
    expect(await provider.verify({ ...key, algorithm: 'rsa-pss-sha256' }, text, signature.bytes)).toBe(false);
    await pkcs1.close();
  });

  it('makes and checks MACs with an HMAC key, which has no public key', async () => {
    const arn = await admin.createKey('HMAC_256');
    const key = await provider.getSigningKey(arn);
    expect(key).toEqual({ source: 'aws-kms', identity: arn, algorithm: 'kms-hmac-sha256' });
    const signature = await provider.sign(arn, text);
    expect(signature).toMatchObject({ algorithm: 'kms-hmac-sha256', identity: arn });
    expect(signature.bytes).toHaveLength(32);
    expect(await provider.verify(key, text, signature.bytes)).toBe(true);
    expect(await provider.verify(key, Buffer.from('other'), signature.bytes)).toBe(false);
    for (const bad of [new Uint8Array(), signature.bytes.subarray(1), new Uint8Array(7000)]) {
      expect(await provider.verify(key, text, bad)).toBe(false);
    }
    const [first, second] = await provider.signBatch(arn, [text, Buffer.from('b')]);
    expect(first?.bytes).toEqual(signature.bytes);
    expect(await provider.verify(key, Buffer.from('b'), second?.bytes ?? new Uint8Array())).toBe(true);
  });

  it('has the service verify where nobody kept the public key', async () => {
    const arn = await admin.createKey('ECC_NIST_P256');
    const signature = await provider.sign(arn, text);
    const bare = { source: 'aws-kms', identity: arn, algorithm: 'ecdsa-p256-sha256' } as const;
    expect(await provider.verify(bare, text, signature.bytes)).toBe(true);
    expect(await provider.verify(bare, Buffer.from('other'), signature.bytes)).toBe(false);
    await admin.disable(arn);
    await expect(provider.verify(bare, text, signature.bytes)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
    const kept = await admin.createKey('ECC_NIST_P256');
    const whole = await provider.getSigningKey(kept);
    const good = await provider.sign(kept, text);
    await admin.disable(kept);
    expect(await provider.verify(whole, text, good.bytes)).toBe(true); // offline
  });

  it('signs with the pinned key when the alias was pointed elsewhere between the key entry and Sign', async () => {
    const [before, after] = [await admin.createKey('ECC_NIST_P256'), await admin.createKey('RSA_2048')];
    const alias = await admin.createAlias('alias/pinned', before);
    const announced = await provider.getSigningKey(alias);
    await admin.retarget(alias, after);
    const signature = await provider.sign(announced.identity, text);
    expect(signature.identity).toBe(before);
    expect(await provider.verify(announced, text, signature.bytes)).toBe(true);

    const fresh = new AwsKmsProvider(optionsFor(server.url)); // after a restart only the identity is known
    expect((await fresh.sign(announced.identity, text)).identity).toBe(before);
    await fresh.close();
  });

  it('test_aws_kms_provider_cache', async () => {
    const arn = await admin.createKey('ECC_NIST_P256');
    const alias = await admin.createAlias('alias/cache', arn);
    const clock = new FakeClock();
    const cached = new AwsKmsProvider(optionsFor(server.url, { keyCacheTtlSeconds: 300, clock }));
    const events: KeyEvent[] = [];
    const stop = onKeyEvent((event) => events.push(event));
    const lookups = (): KeyEvent[] => events.filter((event) => event.operation === 'getSigningKey');

    await Promise.all(Array.from({ length: 5 }, () => cached.getSigningKey(alias)));
    for (let count = 0; count < 5; count += 1) await cached.sign(alias, text);
    expect(lookups()).toHaveLength(1); // one request in flight, then none
    expect(lookups()[0]).toMatchObject({ attempts: 2, outcome: 'ok', identity: arn }); // DescribeKey, GetPublicKey

    const next = await admin.createKey('ECC_NIST_P256');
    await admin.retarget(alias, next);
    expect((await cached.getSigningKey(alias)).identity).toBe(arn); // still within its age
    await clock.advance(1000); // runs nothing that is due
    await cached.close();

    const expired = new AwsKmsProvider(optionsFor(server.url, { keyCacheTtlSeconds: 0 }));
    await admin.retarget(alias, arn);
    expect((await expired.getSigningKey(alias)).identity).toBe(arn);
    await admin.retarget(alias, next);
    expect((await expired.getSigningKey(alias)).identity).toBe(next);
    expect((await expired.sign(arn, text)).identity).toBe(arn); // a version does not age
    await expired.close();
    stop();
  });

  it('signs a batch with one key, in order', async () => {
    const arn = await admin.createKey('ECC_NIST_P256');
    const key = await provider.getSigningKey(arn);
    const items = Array.from({ length: 40 }, (_, index) => Buffer.from(`item ${index}`));
    const signatures = await provider.signBatch(arn, items);
    expect(signatures).toHaveLength(40);
    for (const [index, item] of items.entries()) {
      expect(await provider.verify(key, item, signatures[index]?.bytes ?? new Uint8Array())).toBe(true);
    }
  });

  it.each([
    ['a symmetric key', () => admin.createKey(), 'KEY_WRONG_USAGE'],
    ['an RSA key for encryption', () => admin.createKey('RSA_2048', 'ENCRYPT_DECRYPT'), 'KEY_WRONG_USAGE'],
    ['a curve without a name in the log format', () => admin.createKey('ECC_NIST_P521'), 'UNSUPPORTED_OPERATION'],
    ['secp256k1, which offers ECDSA_SHA_256 too', () => admin.createKey('ECC_SECG_P256K1'), 'UNSUPPORTED_OPERATION'],
    ['an HMAC key of another hash', () => admin.createKey('HMAC_512'), 'UNSUPPORTED_OPERATION'],
    ['a key that does not exist', () => Promise.resolve('alias/none'), 'KEY_NOT_FOUND'],
  ])('refuses to sign with %s', async (_what, make, code) => {
    const keyId = await make();
    await expect(provider.getSigningKey(keyId)).rejects.toMatchObject({ code });
    await expect(provider.sign(keyId, text)).rejects.toMatchObject({ code });
  });

  it('says disabled and pending deletion of keys that were known as usable', async () => {
    const arn = await admin.createKey('ECC_NIST_P256');
    const alias = await admin.createAlias('alias/doomed', arn);
    await provider.sign(arn, text);
    await admin.disable(arn);
    await expect(provider.sign(arn, text)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
    await admin.doom(arn);
    await expect(provider.sign(arn, text)).rejects.toMatchObject({ code: 'KEY_PENDING_DELETION' });
    const fresh = new AwsKmsProvider(optionsFor(server.url));
    await expect(fresh.getSigningKey(alias)).rejects.toMatchObject({ code: 'KEY_PENDING_DELETION' });
    await fresh.close();
  });
});
