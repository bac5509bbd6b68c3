import {
  type ConfiguredSource,
  isLocal,
  modeOf,
  type ResolvedConfig,
  resolveConfig,
  type TamperConfig,
} from '../config/index.ts';
import { loadNow } from '../foundation/load-now.ts';
import type { KeyProvider } from '../keys/provider.ts';

/**
 * Makes the provider that a configuration needs: one for its key source, or, where the signing key comes from elsewhere,
 * one that takes data keys from the first and signatures from the second. What `config` leaves out is taken from
 * `FAPILOG_TAMPER_*` variables, then from the defaults, as `createSealer` does. Only the code of the sources that are used
 * is loaded, and their SDKs at the first call: that is when a missing SDK is DEPENDENCY_MISSING. The caller closes it.
 *
 * `onWarning` also tells what the configuration warns of, such as a literal credential. If nobody listens at once, the process
 * warns instead (`process.emitWarning`).
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, INSECURE_ENDPOINT; DEPENDENCY_MISSING if `keyProviderModule` cannot be loaded
 */
export async function createKeyProvider(config: TamperConfig = {}): Promise<KeyProvider> {
  const resolution = resolveConfig({ code: config, env: process.env });
  const provider = await createProviderFor(resolution.config);
  if (resolution.warnings.length === 0) return provider;
  const { handOnWarnings } = await import('./internal/configured-warnings.ts');
  return handOnWarnings(provider, resolution.warnings);
}

/** {@link createProviderFor} at once; undefined unless all keys are local, and their code can be loaded so. */
export function createProviderAtOnce(config: ResolvedConfig): KeyProvider | undefined {
  const [source, signing] = sourcesOf(config);
  let provider = createSourceAtOnce(source, config);
  if (provider !== undefined && signing !== undefined) {
    const other = createSourceAtOnce(signing, config);
    const composite =
      other && (loadNow('./providers/internal/composite.js') as typeof import('./internal/composite.ts') | undefined);
    provider = composite && new composite.CompositeProvider(provider, other);
  }
  return provider && Object.assign(provider, { configured: modeOf(config) });
}

function createSourceAtOnce(source: ConfiguredSource, config: ResolvedConfig): KeyProvider | undefined {
  if (source === 'env')
    return (loadNow('./providers/env.js') as typeof import('./env.ts') | undefined)?.createEnvProvider(config);
  if (source !== 'file') return undefined;
  return (loadNow('./providers/file.js') as typeof import('./file.ts') | undefined)?.createFileProvider(config);
}

/** {@link createKeyProvider} for a configuration that is put together already. */
export async function createProviderFor(config: ResolvedConfig): Promise<KeyProvider> {
  const [source, signing] = sourcesOf(config);
  const provider = await createSourceProvider(source, config);
  const configured = modeOf(config);
  if (signing === undefined) return Object.assign(provider, { configured });
  const { CompositeProvider } = await import('./internal/composite.ts');
  try {
    return Object.assign(new CompositeProvider(provider, await createSourceProvider(signing, config)), { configured });
  } catch (error) {
    await provider.close();
    throw error;
  }
}

/**
 * The provider of the key `post_quantum_key_id`: `provider`, where the same key service signs there already; else one of its
 * own, which the caller closes.
 *
 * @throws CONFIG_INVALID, INSECURE_ENDPOINT; DEPENDENCY_MISSING if `keyProviderModule` cannot be loaded
 */
export async function postQuantumProviderFor(config: ResolvedConfig, provider: KeyProvider): Promise<KeyProvider> {
  const { dataKey, signingKey, postQuantumKey } = modeOf(config);
  if (postQuantumKey === undefined) return provider;
  const { source } = postQuantumKey;
  if (!isLocal(source))
    return source === (signingKey ?? dataKey)?.source ? provider : createSourceProvider(source, config);
  const { createLocalPostQuantumProvider } = await import('./internal/local-post-quantum.ts');
  return createLocalPostQuantumProvider(config, postQuantumKey);
}

/** The source of the key `key_id`, and that of the signing key where it is another one. */
export function sourcesOf(config: ResolvedConfig): [ConfiguredSource, ConfiguredSource | undefined] {
  const { dataKey, signingKey } = modeOf(config);
  const source = dataKey?.source ?? signingKey?.source ?? config.keySource;
  return [source, signingKey?.source === source ? undefined : signingKey?.source];
}

/**
 * Makes the provider of one source, with the options that a configuration has for it: a verifier needs those of every
 * source that its policy names.
 *
 * @throws CONFIG_INVALID, INSECURE_ENDPOINT; DEPENDENCY_MISSING if `keyProviderModule` cannot be loaded
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
    default: {
      const { createThirdPartyProvider } = await import('./custom.ts');
      return createThirdPartyProvider(source, config);
    }
  }
}
