import { modeOf, type ResolvedConfig } from '../../config/index.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import type { VaultProviderOptions } from './options.ts';
import { VaultProvider } from './provider.ts';

/** The provider for what a configuration takes from Vault. */
export function createVaultProvider(config: ResolvedConfig): VaultProvider {
  return new VaultProvider(optionsOf(config));
}

/** What `doctor` asks Vault about the keys that a configuration has there. */
export async function checkVaultConfig(config: ResolvedConfig): Promise<DoctorCheck[]> {
  const { dataKey, signingKey } = modeOf(config);
  const provider = createVaultProvider(config);
  try {
    return await provider.checkPermissions({
      ...(dataKey?.source === 'vault' && { dataKeyId: dataKey.keyId }),
      ...(signingKey?.source === 'vault' && { signingKeyId: signingKey.keyId }),
    });
  } finally {
    await provider.close();
  }
}

function optionsOf(config: ResolvedConfig): VaultProviderOptions {
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
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
