import {
  type ConfiguredSource,
  modeOf,
  type ResolvedConfig,
  resolveConfig,
  type TamperConfig,
} from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { DoctorCheck } from './doctor-check.ts';
import { doctorContext } from './internal/doctor-context.ts';

/**
 * Makes the provider that a configuration needs: one for its key source, or, where the signing key comes from elsewhere,
 * one that takes data keys from the first and signatures from the second. Only the code of the sources that are used is
 * loaded, and their SDKs at the first call. The caller closes it.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, INSECURE_ENDPOINT, DEPENDENCY_MISSING
 */
export async function createKeyProvider(config: TamperConfig): Promise<KeyProvider> {
  const resolved = resolveConfig({ code: config }).config;
  const { dataKey, signingKey } = modeOf(resolved);
  const source = dataKey?.source ?? signingKey?.source ?? resolved.keySource;
  const provider = await createSourceProvider(source, resolved);
  if (signingKey === undefined || signingKey.source === source) return provider;
  const { CompositeProvider } = await import('./internal/composite.ts');
  try {
    return new CompositeProvider(provider, await createSourceProvider(signingKey.source, resolved));
  } catch (error) {
    await provider.close();
    throw error;
  }
}

/**
 * Makes the provider of one source, with the options that a configuration has for it: a verifier needs those of every
 * source that its policy names.
 *
 * @throws CONFIG_INVALID, INSECURE_ENDPOINT, DEPENDENCY_MISSING
 */
export async function createSourceProvider(source: ConfiguredSource, config: ResolvedConfig): Promise<KeyProvider> {
  switch (source) {
    case 'env': {
      const { createEnvProvider } = await import('./env.ts');
      return createEnvProvider(config);
    }
    case 'file': {
      const { createFileProvider } = await import('./file.ts');
      return createFileProvider(config);
    }
    case 'aws-kms': {
      const { createAwsKmsProvider } = await import('./aws-kms/from-config.ts');
      return createAwsKmsProvider(config);
    }
    case 'gcp-kms': {
      const { createGcpKmsProvider } = await import('./gcp-kms/from-config.ts');
      return createGcpKmsProvider(config);
    }
    case 'azure-keyvault': {
      const { createAzureKeyVaultProvider } = await import('./azure-keyvault/from-config.ts');
      return createAzureKeyVaultProvider(config);
    }
    case 'vault': {
      const { createVaultProvider } = await import('./vault/from-config.ts');
      return createVaultProvider(config);
    }
    case 'custom': {
      const { createCustomProvider } = await import('./custom.ts');
      return createCustomProvider(config);
    }
    default:
      throw new TamperError('CONFIG_INVALID', `there is no key source ${String(source)}`);
  }
}

/**
 * Tests the keys of a configuration: each is used once, and each key service is asked what we may do and may not.
 *
 * @throws as {@link createKeyProvider}; what the tests find is in the checks
 */
export async function checkKeys(config: TamperConfig): Promise<DoctorCheck[]> {
  const resolved = resolveConfig({ code: config }).config;
  const provider = await createKeyProvider(resolved);
  try {
    const { checkUse } = await import('./internal/use-checks.ts');
    return [
      ...(await checkServices(resolved)),
      ...(await checkUse(provider, modeOf(resolved), doctorContext(resolved))),
    ];
  } finally {
    await provider.close();
  }
}

/** What each key service says of us and of the keys, from the provider that knows how to ask. */
async function checkServices(config: ResolvedConfig): Promise<DoctorCheck[]> {
  const { dataKey, signingKey } = modeOf(config);
  const checks: DoctorCheck[] = [];
  for (const source of new Set([dataKey?.source, signingKey?.source])) {
    if (source === 'aws-kms') {
      const { checkAwsKmsConfig } = await import('./aws-kms/from-config.ts');
      checks.push(...(await checkAwsKmsConfig(config)));
    }
    if (source === 'gcp-kms') {
      const { checkGcpKmsConfig } = await import('./gcp-kms/from-config.ts');
      checks.push(...(await checkGcpKmsConfig(config)));
    }
    if (source === 'azure-keyvault') {
      const { checkAzureConfig } = await import('./azure-keyvault/from-config.ts');
      checks.push(...(await checkAzureConfig(config)));
    }
    if (source === 'vault') {
      const { checkVaultConfig } = await import('./vault/from-config.ts');
      checks.push(...(await checkVaultConfig(config)));
    }
  }
  return checks;
}
