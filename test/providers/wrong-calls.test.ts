import { afterAll, describe, expect, it } from 'vitest';
import { isTamperError, type KeyProvider } from '../../src/index.ts';
import { AwsKmsProvider } from '../../src/providers/aws-kms/index.ts';
import { AzureKeyVaultProvider } from '../../src/providers/azure-keyvault/index.ts';
import { EnvKeyProvider } from '../../src/providers/env.ts';
import { GcpKmsProvider } from '../../src/providers/gcp-kms/index.ts';
import { VaultProvider } from '../../src/providers/vault/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';

/** What JavaScript may pass where a compiler would not let it: each is the caller's mistake, and says so. */

const gcpKey = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
const providers: Readonly<Record<string, { readonly provider: KeyProvider; readonly keyId: string }>> = {
  'aws-kms': {
    provider: new AwsKmsProvider({ region: 'eu-west-1' }),
    keyId: 'arn:aws:kms:eu-west-1:111122223333:key/k',
  },
  'gcp-kms': { provider: new GcpKmsProvider({ gcpEndpoint: 'http://127.0.0.1:9' }), keyId: gcpKey },
  'azure-keyvault': { provider: new AzureKeyVaultProvider({}), keyId: 'https://v.vault.azure.net/keys/k' },
  vault: { provider: new VaultProvider({ addr: 'http://127.0.0.1:9', env: {} }), keyId: 'transit/keys/k' },
  env: { provider: new EnvKeyProvider({ dataKeys: { k: 'NONE' }, env: {} }), keyId: 'k' },
  memory: { provider: new MemoryProvider(), keyId: 'audit' },
};
/** The environment does not look at a context, and answers for no service. */
const remote = Object.entries(providers).filter(([name]) => name !== 'env');
const wrong = [undefined, null, 5, 'text', {}, []];
const bytes = Buffer.alloc(64);

afterAll(async () => {
  for (const { provider } of Object.values(providers)) await provider.close();
});

async function refused(what: string, call: () => Promise<unknown>): Promise<void> {
  const error = await call().then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  expect(isTamperError(error) ? error.code : `${what}: ${String(error)}`).toMatch(/^(USAGE|CONFIG_INVALID)$/);
}

describe.each(Object.entries(providers))('%s', (name, { provider, keyId }) => {
  const key = { source: name, identity: keyId, algorithm: 'ed25519', spki: bytes };

  it('says which argument of verify is none', async () => {
    for (const one of wrong) {
      await refused(`verify(${String(one)})`, async () => provider.verify(one as never, bytes, bytes));
      if (one === undefined || typeof one === 'string' || typeof one === 'number') {
        await refused('verify a message', async () => provider.verify(key as never, one as never, bytes));
        await refused('verify a signature', async () => provider.verify(key as never, bytes, one as never));
      }
    }
    await refused('verify()', async () =>
      (provider.verify as (...given: unknown[]) => Promise<boolean>).call(provider),
    );
  });
});

describe.each(remote)('%s', (name, { provider, keyId }) => {
  it('says that a context names no stream and key period', async () => {
    const reference = { source: name, identity: keyId, wrapped: Buffer.alloc(60) };
    for (const one of [...wrong, { origin: 'example.com/a' }, { origin: 5, kid: 'AAAAAAAA.1' }]) {
      await refused('getKey', async () => provider.getKey(keyId, one as never));
      await refused('recoverKey', async () => provider.recoverKey(reference, keyId, one as never));
    }
  });

  it('says that a name or a message is none', async () => {
    const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };
    for (const one of [undefined, null, 5, {}]) {
      await refused(`getKey ${String(one)}`, async () => provider.getKey(one as never, context));
      await refused(`getSigningKey ${String(one)}`, async () => provider.getSigningKey(one as never));
      await refused(`sign ${String(one)}`, async () => provider.sign(keyId, one as never));
    }
  });
});
