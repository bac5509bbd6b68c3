import {
  type ConfiguredKey,
  type ConfiguredSource,
  isLocal,
  modeOf,
  type ResolvedConfig,
  resolveConfig,
  type TamperConfig,
} from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { DoctorCheck } from './doctor-check.ts';
import type { EnvKeyOptions } from './env.ts';
import { doctorContext } from './internal/doctor-context.ts';

/**
 * Makes the provider that a configuration needs: one for its key source, or, where the signing key comes from elsewhere,
 * one that takes data keys from the first and signatures from the second. What `config` leaves out is taken from
 * `FAPILOG_TAMPER_*` variables, then from the defaults, as `createSealer` does. Only the code of the sources that are used
 * is loaded, and their SDKs at the first call. The caller closes it.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, INSECURE_ENDPOINT, DEPENDENCY_MISSING
 */
export async function createKeyProvider(config: TamperConfig = {}): Promise<KeyProvider> {
  return createProviderFor(resolveConfig({ code: config, env: process.env }).config);
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
 * @throws CONFIG_INVALID, INSECURE_ENDPOINT, DEPENDENCY_MISSING
 */
export async function postQuantumProviderFor(config: ResolvedConfig, provider: KeyProvider): Promise<KeyProvider> {
  const { dataKey, signingKey, postQuantumKey } = modeOf(config);
  if (postQuantumKey === undefined) return provider;
  const signsThere = postQuantumKey.source === (signingKey ?? dataKey)?.source && !isLocal(postQuantumKey.source);
  return signsThere ? provider : createPostQuantumProvider(config, postQuantumKey);
}

/** A local key of ML-DSA lies in a place of its own, so its provider is one too. */
export async function createPostQuantumProvider(
  config: ResolvedConfig,
  { source, keyId }: ConfiguredKey,
  env?: EnvKeyOptions['env'],
): Promise<KeyProvider> {
  if (source === 'env') {
    const { EnvKeyProvider } = await import('./env.ts');
    return new EnvKeyProvider({ signingKeys: { [keyId]: config.postQuantumKeyEnvVar }, ...(env && { env }) });
  }
  if (source !== 'file') return createSourceProvider(source, config);
  const { FileKeyProvider } = await import('./file.ts');
  const path = config.postQuantumKeyFilePath ?? config.keyFilePath ?? '';
  const directoryOnly = config.postQuantumKeyFilePath === undefined;
  return new FileKeyProvider({ signingKeys: { path, keyId, directoryOnly } });
}

/** The source of the key `key_id`, and that of the signing key where it is another one. */
function sourcesOf(config: ResolvedConfig): [ConfiguredSource, ConfiguredSource | undefined] {
  const { dataKey, signingKey } = modeOf(config);
  const source = dataKey?.source ?? signingKey?.source ?? config.keySource;
  return [source, signingKey?.source === source ? undefined : signingKey?.source];
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
 * Tests the keys of a configuration, which is put together as by {@link createKeyProvider}: each is used once, and each key
 * service is asked what we may do and may not. It logs in once, and ends at the first refusal of a login.
 *
 * @throws as {@link createKeyProvider}; what the tests find is in the checks
 */
export async function checkKeys(config: TamperConfig = {}): Promise<DoctorCheck[]> {
  return checkKeysOf(resolveConfig({ code: config, env: process.env }).config);
}

/** {@link checkKeys} for a configuration that is put together already. */
export async function checkKeysOf(config: ResolvedConfig): Promise<DoctorCheck[]> {
  const { isShutOut } = await import('./internal/doctor-check.ts');
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
    const { checkUse } = await import('./internal/use-checks.ts');
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
  const { checkPostQuantumKey } = await import('./internal/use-checks.ts');
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
  const { CompositeProvider } = await import('./internal/composite.ts');
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
