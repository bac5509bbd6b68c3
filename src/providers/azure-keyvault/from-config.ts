import { modeOf, type ResolvedConfig } from '../../config/index.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { doctorContext, keysAt } from '../internal/doctor-check.ts';
import { checkAzureKeyVault } from './doctor.ts';
import type { AzureKeyVaultOptions } from './options.ts';
import { AzureKeyVaultProvider } from './provider.ts';

/** The options that a configuration has for Azure. Secrets are in the environment and never in it. */
function azureOptions(config: ResolvedConfig): AzureKeyVaultOptions {
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

/** What `doctor` asks Azure about the keys that a configuration has there. */
export async function checkAzureConfig(config: ResolvedConfig): Promise<DoctorCheck[]> {
  const subject = { options: azureOptions(config), context: doctorContext(config) };
  const keys = keysAt(config, 'azure-keyvault');
  const checks = await checkAzureKeyVault({ ...subject, ...keys });
  const { signingIfNoDataKey } = modeOf(config);
  const signs = signingIfNoDataKey && checks.some(({ code }) => code === 'UNSUPPORTED_OPERATION');
  if (!signs || keys.dataKeyId === undefined) return checks;
  return checkAzureKeyVault({ ...subject, signingKeyId: keys.dataKeyId });
}
