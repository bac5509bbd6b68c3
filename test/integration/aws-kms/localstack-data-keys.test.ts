import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataKey, DataKeyReference } from '../../../src/index.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { aliasArn, idOf, KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
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

const referenceOf = (key: DataKey): DataKeyReference => ({
  source: key.source,
  identity: key.identity,
  ...(key.wrapped !== undefined && { wrapped: key.wrapped }),
});

describe('AwsKmsProvider data keys on LocalStack', () => {
  it('test_aws_kms_provider_get_key', async () => {
    const arn = await admin.createKey();
    const alias = await admin.createAlias('alias/get-key', arn);
    for (const name of [alias, aliasArn(alias, arn), arn, idOf(arn)]) {
      const key = await provider.getKey(name, context);
      expect(key.material).toHaveLength(32);
      expect(key.source).toBe('aws-kms');
      expect(key.identity).toBe(arn); // LocalStack returns no KeyMaterialId
      expect(key.wrapped?.length).toBeGreaterThan(32);

      const own = await admin.kms.decrypt({
        KeyId: arn,
        CiphertextBlob: key.wrapped,
        EncryptionContext: { 'fapilog-tamper': 'v1', origin: context.origin, key_id: context.kid },
      });
      expect(Buffer.from(own.Plaintext ?? [])).toEqual(key.material);
      key.erase();
    }
  });

  it('mints another key each time, for concurrent callers too', async () => {
    const arn = await admin.createKey();
    const keys = await Promise.all(Array.from({ length: 8 }, () => provider.getKey(arn, context)));
    expect(new Set(keys.map((key) => key.material.toString('hex'))).size).toBe(8);
    expect(new Set(keys.map((key) => Buffer.from(key.wrapped ?? []).toString('hex'))).size).toBe(8);
    for (const key of keys) key.erase();
  });

  it('recovers by ARN, by alias and by id, in another provider', async () => {
    const arn = await admin.createKey();
    const alias = await admin.createAlias('alias/recover', arn);
    const key = await provider.getKey(alias, context);
    const auditor = new AwsKmsProvider(optionsFor(server.url));
    for (const named of [arn, alias, idOf(arn)]) {
      const recovered = await auditor.recoverKey(referenceOf(key), named, context);
      expect(recovered.material.equals(key.material)).toBe(true);
      expect(recovered.identity).toBe(key.identity);
      recovered.erase();
    }
    key.erase();
    await auditor.close();
  });

  it('recovers nothing for another stream, key period or key, nor from an altered or foreign blob', async () => {
    const arn = await admin.createKey();
    const other = await admin.createKey();
    const key = await provider.getKey(arn, context);
    const otherStream = await provider.getKey(arn, { ...context, origin: 'audit.example.com/payments/host-8' });
    const reference = referenceOf(key);
    const wrong = { code: 'WRONG_KEY_OR_CONTEXT' };
    for (const changed of [
      { ...context, origin: `${context.origin}0` },
      { ...context, kid: 'c0ffee00.2' },
    ]) {
      await expect(provider.recoverKey(reference, arn, changed)).rejects.toMatchObject(wrong);
    }
    await expect(provider.recoverKey(referenceOf(otherStream), arn, context)).rejects.toMatchObject(wrong);
    // the auditor names a key of his own, and the log claims that it was that one
    await expect(provider.recoverKey({ ...reference, identity: other }, other, context)).rejects.toMatchObject(wrong);
    const altered = Buffer.from(key.wrapped ?? []);
    altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1);
    for (const wrapped of [altered, altered.subarray(0, 40), Buffer.alloc(0), Buffer.alloc(7000)]) {
      await expect(provider.recoverKey({ ...reference, wrapped }, arn, context)).rejects.toMatchObject(wrong);
    }
    key.erase();
    otherStream.erase();
  });

  it('asks each key in the region that its ARN names', async () => {
    const elsewhere = new KmsAdmin(server.url, 'us-east-2');
    const [here, there] = [await admin.createKey(), await elsewhere.createKey()];
    const alias = aliasArn(await elsewhere.createAlias('alias/elsewhere', there), there);
    elsewhere.close();
    for (const [name, arn] of [
      [here, here],
      [there, there],
      [alias, there],
    ] as const) {
      const key = await provider.getKey(name, context);
      expect(key.identity).toBe(arn);
      const recovered = await provider.recoverKey(referenceOf(key), arn, context);
      expect(recovered.material.equals(key.material)).toBe(true);
      recovered.erase();
      key.erase();
    }
    await expect(provider.getKey('alias/elsewhere', context)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    expect(await provider.rotateCheck()).toBe(false);
  });

  it('asks nothing of a key that only the log names', async () => {
    const arn = await admin.createKey();
    const own = await admin.createKey();
    const attacker = await provider.getKey(arn, context);
    await expect(provider.recoverKey(referenceOf(attacker), own, context)).rejects.toMatchObject({
      code: 'KEY_NOT_NAMED',
      message: expect.stringContaining(own),
    });
    attacker.erase();
  });

  it('does not take a retargeted alias for the key that wrapped', async () => {
    const [before, after] = [await admin.createKey(), await admin.createKey()];
    const alias = await admin.createAlias('alias/retargeted', before);
    const key = await provider.getKey(alias, context);
    await admin.retarget(alias, after);
    await expect(provider.recoverKey(referenceOf(key), alias, context)).rejects.toMatchObject({
      code: 'KEY_NOT_NAMED',
      hint: expect.stringContaining('alias names the key that it points to now'),
    });
    const recovered = await provider.recoverKey(referenceOf(key), before, context);
    expect(recovered.material.equals(key.material)).toBe(true);
    recovered.erase();
    key.erase();
  });

  it.each([
    ['a key that does not exist', () => Promise.resolve('alias/none'), 'KEY_NOT_FOUND'],
    ['a signing key', () => admin.createKey('ECC_NIST_P256'), 'KEY_WRONG_USAGE'],
    ['a disabled key', () => disabled(), 'KEY_DISABLED'],
    ['a key pending deletion', () => doomed(), 'KEY_PENDING_DELETION'],
  ])('refuses %s', async (_what, make, code) => {
    const keyId = await make();
    const failure = provider.getKey(keyId, context);
    await expect(failure).rejects.toMatchObject({ code, retryable: false, requestId: expect.any(String) });
    await expect(failure).rejects.toThrow(keyId);
  });

  it('recovers nothing while the key is disabled, and everything once it is enabled again', async () => {
    const arn = await admin.createKey();
    const key = await provider.getKey(arn, context);
    await admin.disable(arn);
    await expect(provider.recoverKey(referenceOf(key), arn, context)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
    await admin.enable(arn);
    const recovered = await provider.recoverKey(referenceOf(key), arn, context);
    expect(recovered.material.equals(key.material)).toBe(true);
    recovered.erase();
    key.erase();
  });
});

async function disabled(): Promise<string> {
  const arn = await admin.createKey();
  await admin.disable(arn);
  return arn;
}

async function doomed(): Promise<string> {
  const arn = await admin.createKey();
  await admin.doom(arn);
  return arn;
}
