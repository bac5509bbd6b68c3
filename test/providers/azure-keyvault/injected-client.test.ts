import { generateKeyPairSync, sign } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { Secret } from '../../../src/keys/secret.ts';
import {
  type AzureCryptographyClient,
  type AzureKeyClient,
  type AzureKeyVaultClients,
  AzureKeyVaultProvider,
  type AzureTokenCredential,
} from '../../../src/providers/azure-keyvault/index.ts';
import { isMicrosoftAuthority } from '../../../src/providers/internal/azure/credential.ts';

const version = '0123456789abcdef0123456789abcdef';
const keyId = 'https://v.vault.azure.net/keys/audit';

/** Clients in memory: our own, without either SDK package. */
function inMemory(): { clients: AzureKeyVaultClients; asked: string[] } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const asked: string[] = [];
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64url');
  const clients: AzureKeyVaultClients = {
    keyClient: (vaultUrl) => ({
      async getKey(name) {
        asked.push(`get ${vaultUrl} ${name}`);
        return {
          id: `${vaultUrl}/keys/${name}/${version}`,
          key: { kid: `${vaultUrl}/keys/${name}/${version}`, kty: 'RSA', n: bytes(n), e: bytes(e) },
          keyOperations: ['sign'],
          properties: { enabled: true },
        };
      },
      async *listPropertiesOfKeyVersions() {
        yield* [];
      },
    }),
    cryptographyClient: ({ id }) => ({
      async sign(algorithm) {
        asked.push(`sign ${id} ${algorithm}`);
        return { result: sign('sha256', Buffer.from('root'), privateKey) };
      },
      encrypt: () => Promise.reject(new Error('not here')),
      decrypt: () => Promise.reject(new Error('not here')),
    }),
  };
  return { clients, asked };
}

describe('clients that are given in', () => {
  it('are used as they are, with the digest made here', async () => {
    const { clients, asked } = inMemory();
    const provider = new AzureKeyVaultProvider({ client: clients, rsaAlgorithm: 'RS256' });
    const signature = await provider.sign(keyId, Buffer.from('root'));
    expect(signature).toMatchObject({ identity: `${keyId}/${version}`, algorithm: 'rsa-pkcs1-sha256' });
    expect(asked).toEqual(['get https://v.vault.azure.net audit', `sign ${keyId}/${version} RS256`]);
    await provider.close();
  });

  it('a PKCS #1 signature is not taken for a PSS one', async () => {
    const { clients } = inMemory();
    const provider = new AzureKeyVaultProvider({
      client: clients,
      retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
    });
    await expect(provider.sign(keyId, Buffer.from('root'))).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
    await provider.close();
  });

  it('are left alone by what is under way when the provider closes', async () => {
    const { clients } = inMemory();
    const hanging = new AzureKeyVaultProvider({
      client: {
        ...clients,
        cryptographyClient: (version) => ({
          ...clients.cryptographyClient(version),
          sign: () => new Promise(() => undefined),
        }),
      },
    });
    await hanging.getSigningKey(keyId);
    const data = Buffer.from('root');
    const ended = Promise.allSettled([hanging.sign(keyId, data), hanging.signBatch(keyId, [data, data])]);
    await new Promise((resolve) => setImmediate(resolve));
    await hanging.close();
    for (const result of await ended) expect(result).toMatchObject({ reason: { code: 'PROVIDER_CLOSED' } });
    await expect(hanging.sign(keyId, data)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  });

  it("may be the SDK's own", () => {
    expectTypeOf<KeyClient>().toExtend<AzureKeyClient>();
    expectTypeOf<CryptographyClient>().toExtend<AzureCryptographyClient>();
    expectTypeOf<TokenCredential>().toExtend<AzureTokenCredential>();
    expect([KeyClient.name, CryptographyClient.name]).toEqual(['KeyClient', 'CryptographyClient']);
  });
});

describe('options', () => {
  it.each([
    [{ timeoutMs: 0 }, 'CONFIG_INVALID'],
    [{ attemptTimeoutMs: 2 ** 31 }, 'CONFIG_INVALID'],
    [{ timeoutMs: 1.5 }, 'CONFIG_INVALID'],
    [{ clientSecret: new Secret('x') }, 'CONFIG_INVALID'],
    [{ vaultUrl: 'v.vault.azure.net' }, 'CONFIG_INVALID'],
    [{ vaultUrl: 'https://v.vault.azure.net/keys/audit' }, 'CONFIG_INVALID'],
    [{ authorityHost: 'http://login.example' }, 'INSECURE_ENDPOINT'],
  ])('%o is refused', (options, code) => {
    expect(() => new AzureKeyVaultProvider(options)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    [undefined, true],
    ['https://login.microsoftonline.us', true],
    ['https://login.chinacloudapi.cn/', true],
    ['login.microsoftonline.com', true],
    ['https://localhost:8443', false],
    ['https://login.microsoftonline.com.evil.example', false],
    ['https://adfs.example/adfs', false],
  ])('the authority %s is one of Microsoft: %s', (host, expected) => {
    expect(isMicrosoftAuthority(host)).toBe(expected);
  });
});
