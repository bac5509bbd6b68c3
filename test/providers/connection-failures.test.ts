import { describe, expect, it } from 'vitest';
import { type KeyProvider, TamperError } from '../../src/index.ts';
import { type AwsKmsClient, AwsKmsProvider } from '../../src/providers/aws-kms/index.ts';
import {
  type AzureCryptographyClient,
  type AzureKeyClient,
  AzureKeyVaultProvider,
} from '../../src/providers/azure-keyvault/index.ts';
import { type GcpKmsClient, GcpKmsProvider } from '../../src/providers/gcp-kms/index.ts';

/** Whatever keeps a request from its reply means the same with every vendor's SDK (`node:tls`, "X509 certificate error codes"). */

const untrusted = [
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_HAS_EXPIRED',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'INVALID_PURPOSE',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'EPROTO',
];
const away = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_SOCKET',
];

/** Every method of it fails with that code. */
function failing(code: string): AwsKmsClient & GcpKmsClient & AzureKeyClient & AzureCryptographyClient {
  const fail = (): Promise<never> => Promise.reject(Object.assign(new Error('no reply'), { code }));
  return new Proxy(Object.create(null), { get: (_, name) => (name === 'then' ? undefined : fail) });
}

/** What it is instead: a credential that cannot be had, or nothing that we know. */
const unreadableKey: Record<string, string> = {
  'AWS KMS': 'INTERNAL',
  'Google Cloud KMS': 'UNAUTHENTICATED',
  'Azure Key Vault': 'INTERNAL',
};

const vendors: Record<string, (code: string) => { readonly provider: KeyProvider; readonly keyId: string }> = {
  'AWS KMS': (code) => ({
    provider: new AwsKmsProvider({ client: failing(code) }),
    keyId: 'arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000',
  }),
  'Google Cloud KMS': (code) => ({
    provider: new GcpKmsProvider({ client: failing(code) }),
    keyId: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
  }),
  'Azure Key Vault': (code) => ({
    provider: new AzureKeyVaultProvider({
      client: { keyClient: () => failing(code), cryptographyClient: () => failing(code) },
    }),
    keyId: 'https://v.vault.azure.net/keys/audit',
  }),
};

describe.each(Object.entries(vendors))('%s', (name, make) => {
  const asked = async (code: string): Promise<unknown> => {
    const { provider, keyId } = make(code);
    const thrown: unknown = await provider
      .getKey(keyId, { origin: 'audit.example.com/a', kid: 'c0ffee00.1' })
      .catch((error: unknown) => error);
    return thrown instanceof TamperError ? [code, thrown.code, thrown.retryable] : thrown;
  };

  it('is not trusted', async () => {
    expect(await Promise.all(untrusted.map(asked))).toEqual(untrusted.map((code) => [code, 'TLS_FAILED', false]));
  });

  it('is trusted, and a private key cannot be read', async () => {
    expect(await asked('ERR_OSSL_UNSUPPORTED')).toEqual(['ERR_OSSL_UNSUPPORTED', unreadableKey[name], false]);
  });

  it('is away, and may come back', async () => {
    expect(await Promise.all(away.map(asked))).toEqual(away.map((code) => [code, 'UNAVAILABLE', true]));
  });
});
