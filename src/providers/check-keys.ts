import {
  type ConfiguredKey,
  type ConfiguredSource,
  isThirdParty,
  type Mode,
  modeOf,
  type ResolvedConfig,
} from '../config/index.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { inTime } from '../foundation/steps.ts';
import {
  assertPostQuantum,
  type DataKey,
  type KeyContext,
  type KeyProvider,
  type SigningKey,
} from '../keys/provider.ts';
import { assertNoteKey, signerOf } from '../keys/signer.ts';
import { createSourceProvider, postQuantumProviderFor, sourcesOf } from './create-provider.ts';
import type { DoctorCheck } from './doctor-check.ts';
import { CompositeProvider } from './internal/composite.ts';
import { doctorContext, failed, isShutOut, stopwatch, testMessage } from './internal/doctor-check.ts';

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
    const signers: SigningKey[] = [];
    const found = await checkUse(provider, modeOf(config), doctorContext(config), signers);
    return [
      ...warnings,
      ...checks,
      ...found,
      ...(await checkPostQuantum(config, provider, signers)),
      ...(await checkNoteKey(config, signers)),
    ];
  } finally {
    for (const provider of providers.values()) await provider.close();
  }
}

/** The use of the key `post_quantum_key_id`, if there is one. */
async function checkPostQuantum(
  config: ResolvedConfig,
  provider: KeyProvider,
  signers: SigningKey[],
): Promise<DoctorCheck[]> {
  const { postQuantumKey } = modeOf(config);
  if (postQuantumKey === undefined) return [];
  const own = await postQuantumProviderFor(config, provider);
  const resolve = async (): Promise<SigningKey> => {
    const key = await own.getSigningKey(postQuantumKey.keyId);
    assertPostQuantum(key);
    return key;
  };
  try {
    return await checkSigningKey(own, { ...postQuantumKey, name: 'post-quantum key', resolve }, signers);
  } finally {
    if (own !== provider) await own.close();
  }
}

/** The use of the note key, if there is one, beside the keys that sign. */
async function checkNoteKey(config: ResolvedConfig, signers: readonly SigningKey[]): Promise<DoctorCheck[]> {
  const path = config.noteKeyFilePath;
  if (path === undefined) return [];
  const { noteKeyProvider, readNoteKey } = await import('./internal/note-key.ts');
  const provider = noteKeyProvider(path);
  const resolve = async (): Promise<SigningKey> => {
    const key = await inTime(readNoteKey(path, provider));
    assertNoteKey(doctorContext(config).origin, signerOf(key), signers.map(signerOf));
    return key;
  };
  try {
    return await checkSigningKey(provider, { source: 'file', name: 'note key', resolve });
  } finally {
    await provider.close();
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

/**
 * Uses each key of a configuration once, as sealing would, and says how long that took. Throws only our own bugs.
 *
 * @param signers - gets the key that signs
 */
export async function checkUse(
  provider: KeyProvider,
  mode: Mode,
  context: KeyContext,
  signers: SigningKey[] = [],
): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  let { signingKey } = mode;
  if (mode.dataKey !== undefined) {
    const check = await checkDataKey(provider, mode.dataKey, context);
    const signsInstead = mode.signingIfNoDataKey && check.code === 'UNSUPPORTED_OPERATION';
    if (signsInstead) signingKey = mode.dataKey;
    const detail = 'this key cannot wrap data keys, so it signs checkpoints and records carry checksums';
    checks.push(signsInstead ? { name: 'mode', outcome: 'ok', detail } : check);
  }
  if (signingKey !== undefined) {
    const { source, keyId } = signingKey;
    checks.push(
      ...(await checkSigningKey(provider, { source, resolve: () => provider.getSigningKey(keyId) }, signers)),
    );
  }
  return checks;
}

function checkDataKey(
  provider: KeyProvider,
  { source, keyId }: ConfiguredKey,
  context: KeyContext,
): Promise<DoctorCheck> {
  return attempt('data key', async () => {
    const key = await provider.getKey(keyId, context);
    try {
      if (isThirdParty(source)) await checkRecovery(provider, key, keyId, context);
    } finally {
      key.erase();
    }
    return `${source} gave a data key of ${key.identity}`;
  });
}

/** What a third party's provider seals with it must be able to recover; a writer that may not is as it should be. */
async function checkRecovery(provider: KeyProvider, key: DataKey, keyId: string, context: KeyContext): Promise<void> {
  try {
    const recovered = await provider.recoverKey(key, keyId, context);
    const same = recovered.material.equals(key.material);
    recovered.erase();
    if (!same) throw new TamperError('RESPONSE_MALFORMED', `${provider.source} recovers another key than it gave`);
  } catch (error) {
    if (!isTamperError(error, 'ACCESS_DENIED')) throw error;
  }
}

interface CheckedKey {
  readonly source: ConfiguredSource;
  /** What its checks are called, if it signs besides the signing key. */
  readonly name?: string;
  readonly resolve: () => Promise<SigningKey>;
}

/** Signs once with a key, which is added to `signers`. */
async function checkSigningKey(
  provider: KeyProvider,
  { source, name, resolve }: CheckedKey,
  signers: SigningKey[] = [],
): Promise<DoctorCheck[]> {
  let key: SigningKey | undefined;
  const resolved = await attempt(name ?? 'signing key', async () => {
    key = await resolve();
    return `${source} signs with ${key.algorithm}, key ${key.identity}`;
  });
  if (key === undefined) return [resolved];
  const { identity, spki } = key;
  const signer = key;
  signers.push(signer);
  const signed = await attempt(name === undefined ? 'sign and verify' : `${name}: sign and verify`, async () => {
    const { bytes } = await provider.sign(identity, testMessage);
    if (spki === undefined) return 'it makes a MAC, which only the service can check';
    return (await provider.verify(signer, testMessage, bytes)) ? 'a signature verifies' : undefined;
  });
  return [resolved, signed];
}

async function attempt(name: string, use: () => Promise<string | undefined>): Promise<DoctorCheck> {
  const took = stopwatch();
  try {
    const found = await use();
    if (found !== undefined) return { name, outcome: 'ok', detail: `${found} (${took()})` };
    return { name, outcome: 'failed', detail: 'a signature that was just made does not verify' };
  } catch (error) {
    return failed(name, error);
  }
}
