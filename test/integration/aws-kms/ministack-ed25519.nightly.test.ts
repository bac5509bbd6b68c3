import { verify as nodeVerify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCanonicalSpki } from '../../../src/keys/public-key.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { providerConformance } from '../../../src/testing/index.ts';
import { type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
let server: SharedServer;
let proxy: KmsProxy;
let admin: KmsAdmin;

beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('ministack');
  proxy = await startKmsProxy(server.url);
  admin = new KmsAdmin(server.url);
  await admin.createAlias('alias/conformance', await admin.createKey('ECC_NIST_EDWARDS25519'));
});
afterAll(async () => {
  admin?.close();
  await proxy?.stop();
});

describe('AwsKmsProvider on MiniStack', () => {
  it('test_aws_kms_provider_sign ECC_NIST_EDWARDS25519', async () => {
    const provider = new AwsKmsProvider(optionsFor(proxy.url));
    const arn = await admin.createKey('ECC_NIST_EDWARDS25519');
    const key = await provider.getSigningKey(arn);
    expect(key).toMatchObject({ identity: arn, algorithm: 'ed25519' });
    const signature = await provider.sign(arn, text);
    expect(signature.bytes).toHaveLength(64);
    expect(nodeVerify(null, text, readCanonicalSpki(key.spki ?? new Uint8Array(), 'spki'), signature.bytes)).toBe(true);
    expect(proxy.calls.at(-1)).toMatchObject({
      operation: 'Sign',
      body: { KeyId: arn, MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512', Message: text.toString('base64') },
    });
    await provider.close();
  });

  it('puts the id of the key material into the identity', async () => {
    const provider = new AwsKmsProvider(optionsFor(proxy.url));
    const arn = await admin.createKey();
    const { KeyMetadata } = await admin.kms.describeKey({ KeyId: arn });
    const key = await provider.getKey(arn, context);
    expect(key.identity).toBe(`${arn}#${KeyMetadata?.CurrentKeyMaterialId}`);
    const reference = { source: key.source, identity: key.identity, wrapped: key.wrapped ?? new Uint8Array() };
    for (const named of [arn, key.identity]) {
      const recovered = await provider.recoverKey(reference, named, context);
      expect(recovered.material.equals(key.material)).toBe(true);
      expect(recovered.identity).toBe(key.identity);
      recovered.erase();
    }
    (await provider.getKey(key.identity, context)).erase(); // an identity is a name too
    await expect(provider.recoverKey(reference, `${arn}#${'0'.repeat(64)}`, context)).rejects.toMatchObject({
      code: 'KEY_NOT_NAMED',
    });
    expect(await provider.rotateCheck()).toBe(false);
    key.erase();
    await provider.close();
  });

  // MiniStack takes tampered ciphertext and a wrong key, so data keys run on LocalStack only
  for (const check of providerConformance({
    name: 'AwsKmsProvider, ed25519,',
    create: () => new AwsKmsProvider(optionsFor(proxy.url)),
    signingKey: { keyId: 'alias/conformance', algorithm: 'ed25519' },
    absentKey: { keyId: 'alias/absent' },
    rotate: async (keyId) => admin.retarget(keyId, await admin.createKey('ECC_NIST_EDWARDS25519')),
  })) {
    it(check.name, () => check.run());
  }
});
