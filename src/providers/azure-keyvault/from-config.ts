import type { ResolvedConfig } from '../../config/index.ts';
import type { AzureKeyVaultOptions } from './options.ts';
import { AzureKeyVaultProvider } from './provider.ts';

/** The options that a configuration has for Azure. Secrets are in the environment and never in it. */
export function azureOptions(config: ResolvedConfig): AzureKeyVaultOptions {
  const { azureTenantId, azureClientId, keyCacheTtlSeconds } = config;
  return {
    keyCacheTtlSeconds,
    ...(azureTenantId !== undefined && { tenantId: azureTenantId }),
    ...(azureClientId !== undefined && { clientId: azureClientId }),
  };
}

/** Makes the provider of a configuration with `key_source: azure-keyvault`. */
export function createAzureKeyVaultProvider(config: ResolvedConfig): AzureKeyVaultProvider {
  return new AzureKeyVaultProvider(azureOptions(config));
}
