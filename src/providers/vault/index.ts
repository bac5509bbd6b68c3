import type { ResolvedConfig } from '../../config/index.ts';
import type { VaultProviderOptions } from './options.ts';
import { VaultProvider } from './provider.ts';

export type { VaultHttpClient, VaultHttpRequest, VaultHttpResponse } from './http-client.ts';
export type { VaultAuthMethod, VaultProviderOptions } from './options.ts';
export { VaultProvider } from './provider.ts';

/** The provider for what a configuration takes from Vault. */
export function createVaultProvider(config: ResolvedConfig): VaultProvider {
  const given: { -readonly [K in keyof VaultProviderOptions]?: VaultProviderOptions[K] | undefined } = {
    addr: config.vaultAddr,
    path: config.vaultPath,
    authMethod: config.vaultAuthMethod,
    token: config.vaultToken,
    tokenFile: config.vaultTokenFile,
    role: config.vaultRole,
    secretIdFile: config.vaultSecretIdFile,
    secretIdWrapped: config.vaultSecretIdWrapped,
    jwtPath: config.vaultJwtPath,
    authMount: config.vaultAuthMount,
    namespace: config.vaultNamespace,
    caFile: config.vaultCaFile,
    clientCertFile: config.vaultClientCertFile,
    clientKeyFile: config.vaultClientKeyFile,
    tlsServerName: config.vaultServerName,
    keyCacheTtlSeconds: config.keyCacheTtlSeconds,
  };
  return new VaultProvider(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}
