import { type ConfiguredSource, modeOf, type Resolution, type ResolvedConfig } from '../config/index.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { namesIdentity } from '../keys/identity.ts';
import type { DataKeys, KeyProvider, KeySource, SigningKey } from '../keys/provider.ts';
import { createSourceProvider } from '../providers/index.ts';
import type { DataKeyName, NamedDataKeys } from '../verify/data-keys.ts';
import type { Policy } from '../verify/policy.ts';
import { localKeyNames } from './local-keys.ts';

/** The keys that a verifier may use: those of its configuration, its policy and its flags, asked for only when needed. */
export interface AuditorKeys {
  readonly dataKeys: readonly NamedDataKeys[];
  readonly confirmSigner: (signer: SigningKey) => Promise<boolean>;
  readonly verifyOnline: (signer: SigningKey, text: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Closes every provider that was used. */
  close(): Promise<void>;
}

/** What names the keys of a verifier. */
export interface AuditorKeyOptions {
  readonly resolution: Resolution;
  readonly policy?: Policy | undefined;
  /** Files and directories of local data keys (`--keys`). */
  readonly keyPaths?: readonly string[];
  /** Environment variables that hold a local data key (`--key-env`). */
  readonly keyVariables?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The key service that a data key's name in a policy belongs to, by the vendors' spellings (spec 2, `identity`). */
function sourceOfName(name: string, config: ResolvedConfig): ConfiguredSource {
  if (/^arn:aws[a-z-]*:kms:/.test(name)) return 'aws-kms';
  if (/^projects\/[^/]+\/locations\//.test(name)) return 'gcp-kms';
  if (/^https?:\/\/[^/]+\/keys\//.test(name)) return 'azure-keyvault';
  if (/^[^/:]+(\/[^/:]+)*\/keys\/[^/]+$/.test(name)) return 'vault';
  return config.keySource;
}

/** One provider per source, made on first use. */
class Providers {
  readonly #config: ResolvedConfig;
  readonly #made = new Map<ConfiguredSource, Promise<KeyProvider>>();

  constructor(config: ResolvedConfig) {
    this.#config = config;
  }

  async get(source: ConfiguredSource): Promise<KeyProvider> {
    const made = this.#made.get(source) ?? createSourceProvider(source, this.#config);
    this.#made.set(source, made);
    return made;
  }

  dataKeys(source: ConfiguredSource): DataKeys {
    return {
      getKey: async (keyId, context, options) => (await this.get(source)).getKey(keyId, context, options),
      recoverKey: async (reference, named, context, options) =>
        (await this.get(source)).recoverKey(reference, named, context, options),
    };
  }

  async close(): Promise<void> {
    for (const made of this.#made.values()) {
      const provider = await made.catch((error: unknown) => {
        if (error instanceof TamperError) return undefined; // it was reported where it was used
        throw error;
      });
      await provider?.close();
    }
  }
}

/** Whether the configuration names a key on purpose; the default variable counts only where it is set. */
function isConfigured({ config, places }: Resolution, env: AuditorKeyOptions['env']): boolean {
  const chosen = (['keySource', 'keyId', 'keyFilePath', 'keyEnvVar', 'vaultPath'] as const).some(
    (option) => (places.get(option) ?? 'default') !== 'default',
  );
  if (config.keySource === 'env') return env[config.keyEnvVar] !== undefined;
  return chosen;
}

function namedInConfig({ resolution, policy, env }: AuditorKeyOptions): Map<ConfiguredSource, DataKeyName[]> {
  const { config } = resolution;
  const named = new Map<ConfiguredSource, DataKeyName[]>();
  const add = (source: ConfiguredSource, name: DataKeyName): void => {
    named.set(source, [...(named.get(source) ?? []), name]);
  };
  const { dataKey } = modeOf(config);
  if (dataKey !== undefined && isConfigured(resolution, env)) add(dataKey.source, { name: dataKey.keyId });
  for (const stream of policy?.streams ?? []) {
    // the source only: what a policy names counts for its own stream, and is added there (spec 8.1)
    for (const { wrap } of stream.dataKeys) {
      const source = sourceOfName(wrap, config);
      if (!named.has(source)) named.set(source, []);
    }
  }
  return named;
}

/** Puts the keys of a verifier together. Nothing is opened or asked before a log needs it. */
export async function auditorKeys(options: AuditorKeyOptions): Promise<AuditorKeys> {
  const { resolution, env, keyPaths = [], keyVariables = [] } = options;
  const providers = new Providers(resolution.config);
  const local: KeyProvider[] = [];
  const dataKeys: NamedDataKeys[] = [];
  for (const [source, named] of namedInConfig(options)) {
    dataKeys.push({ source, keys: providers.dataKeys(source), named });
  }
  for (const path of keyPaths) {
    const { FileKeyProvider } = await import('../providers/file.ts');
    const keys = new FileKeyProvider({ dataKeys: { path } });
    local.push(keys);
    dataKeys.push({ source: 'file', keys, named: await localKeyNames(path) });
  }
  for (const variable of keyVariables) {
    const { EnvKeyProvider } = await import('../providers/env.ts');
    const keys = new EnvKeyProvider({ dataKeys: { [variable]: variable }, env });
    local.push(keys);
    dataKeys.push({ source: 'env', keys, named: [{ name: variable }] });
  }
  const { signingKey } = modeOf(resolution.config);
  const signing = signingKey !== undefined && isConfigured(resolution, env) ? signingKey : undefined;
  return {
    dataKeys,
    confirmSigner: async (signer) => signing !== undefined && confirm(providers, signing, signer),
    verifyOnline: async (signer, text, signature) => {
      const provider = await providers.get(signer.source as ConfiguredSource);
      return provider.verify(signer, text, signature);
    },
    close: async () => {
      await providers.close();
      for (const provider of local) await provider.close();
    },
  };
}

/** A signer is the key that the configuration names, if our own key service gives the same public key for it. */
async function confirm(
  providers: Providers,
  named: { readonly source: KeySource; readonly keyId: string },
  signer: SigningKey,
): Promise<boolean> {
  const { source, identity, algorithm, spki } = signer;
  if (named.source !== source) return false;
  const provider = await providers.get(source as ConfiguredSource);
  const asked = namesIdentity(named.keyId, source, identity) ? identity : named.keyId;
  try {
    const own = await provider.getSigningKey(asked);
    if (own.identity !== identity || own.algorithm !== algorithm) return false;
    return spki === undefined ? own.spki === undefined : Buffer.from(spki).equals(own.spki ?? Buffer.alloc(0));
  } catch (error) {
    if (isTamperError(error, 'KEY_VERSION_UNAVAILABLE') || isTamperError(error, 'KEY_NOT_FOUND')) return false;
    throw error;
  }
}
