import { type ConfiguredSource, modeOf, type ResolvedConfig } from '../config/index.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { createSourceProvider, postQuantumProviderFor, sourcesOf } from './create-provider.ts';
import type { DoctorCheck } from './doctor-check.ts';
import { CompositeProvider } from './internal/composite.ts';
import { isShutOut } from './internal/doctor-check.ts';
import { doctorContext } from './internal/doctor-context.ts';
import { checkPostQuantumKey, checkUse } from './internal/use-checks.ts';

/** `checkKeys` for a configuration that is put together already. */
export async function checkKeysOf(config: ResolvedConfig): Promise<DoctorCheck[]> {
  const [source, signing] = sourcesOf(config);
  const providers = new Map<ConfiguredSource, KeyProvider>();
  const warnings: DoctorCheck[] = [];
  const checks: DoctorCheck[] = [];
  try {
    for (const one of signing === undefined ? [source] : [source, signing]) {
      const provider = await createSourceProvider(one, config);
      providers.set(one, provider);
      provider.onWarning?.(({ message, hint }) => warnings.push(warningCheck(message, hint)));
      checks.push(...(await checkService(one, config, provider)));
      if (isShutOut(checks)) return [...warnings, ...checks];
    }
    const provider = await together(providers, source, signing);
    const found = await checkUse(provider, modeOf(config), doctorContext(config));
    return [...warnings, ...checks, ...found, ...(await checkPostQuantum(config, provider))];
  } finally {
    for (const provider of providers.values()) await provider.close();
  }
}

/** The use of the key `post_quantum_key_id`, if there is one. */
async function checkPostQuantum(config: ResolvedConfig, provider: KeyProvider): Promise<DoctorCheck[]> {
  const { postQuantumKey } = modeOf(config);
  if (postQuantumKey === undefined) return [];
  const own = await postQuantumProviderFor(config, provider);
  try {
    return await checkPostQuantumKey(own, postQuantumKey);
  } finally {
    if (own !== provider) await own.close();
  }
}

function warningCheck(detail: string, hint: string | undefined): DoctorCheck {
  return { name: 'keys', outcome: 'warning', code: 'KEY_WARNING', detail, ...(hint !== undefined && { hint }) };
}

async function together(
  providers: ReadonlyMap<ConfiguredSource, KeyProvider>,
  source: ConfiguredSource,
  signing: ConfiguredSource | undefined,
): Promise<KeyProvider> {
  const provider = providers.get(source) as KeyProvider; // made by the caller, as is the other
  if (signing === undefined) return provider;
  return new CompositeProvider(provider, providers.get(signing) as KeyProvider);
}

/** What a key service says of us and of the keys, from the provider that knows how to ask. */
async function checkService(
  source: ConfiguredSource,
  config: ResolvedConfig,
  provider: KeyProvider,
): Promise<DoctorCheck[]> {
  switch (source) {
    case 'aws-kms': {
      const { checkAwsKmsConfig } = await import('./aws-kms/from-config.ts');
      return checkAwsKmsConfig(config);
    }
    case 'gcp-kms': {
      const { checkGcpKmsConfig } = await import('./gcp-kms/from-config.ts');
      return checkGcpKmsConfig(config);
    }
    case 'azure-keyvault': {
      const { checkAzureConfig } = await import('./azure-keyvault/from-config.ts');
      return checkAzureConfig(config);
    }
    case 'vault': {
      const { checkVaultConfig } = await import('./vault/from-config.ts');
      return checkVaultConfig(config, provider);
    }
    default:
      return [];
  }
}
