import type { ResolvedConfig } from '../../config/index.ts';
import type { KeyProvider } from '../../keys/provider.ts';
import { Secret } from '../../keys/secret.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { keysAt } from '../internal/doctor-check.ts';
import type { VaultProviderOptions } from './options.ts';
import { VaultProvider } from './provider.ts';

/** The provider for what a configuration takes from Vault. */
export function createVaultProvider(config: ResolvedConfig): VaultProvider {
  return new VaultProvider(optionsOf(config));
}

/** What `doctor` asks Vault about the keys that a configuration has there, with the login of the provider that uses them. */
export async function checkVaultConfig(config: ResolvedConfig, provider: KeyProvider): Promise<DoctorCheck[]> {
  if (!(provider instanceof VaultProvider)) return []; // made by createVaultProvider above
  return provider.checkPermissions(keysAt(config, 'vault'));
}

function optionsOf(config: ResolvedConfig): VaultProviderOptions {
  const given: { -readonly [K in keyof VaultProviderOptions]?: VaultProviderOptions[K] | undefined } = {
    addr: config.vaultAddr,
    path: config.vaultPath,
    authMethod: config.vaultAuthMethod,
    token: config.vaultToken === undefined ? undefined : new Secret(config.vaultToken), // it was warned of with its place
    tokenFile: config.vaultTokenFile,
    role: config.vaultRole,
    secretIdFile: config.vaultSecretIdFile,
    secretIdWrapped: config.vaultSecretIdWrapped,
    jwtPath: config.vaultJwtPath,
    authMount: config.vaultAuthMount,
    authNamespace: config.vaultAuthNamespace,
    namespace: config.vaultNamespace,
    caFile: config.vaultCaFile,
    clientCertFile: config.vaultClientCertFile,
    clientKeyFile: config.vaultClientKeyFile,
    tlsServerName: config.vaultServerName,
    keyCacheTtlSeconds: config.keyCacheTtlSeconds,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
