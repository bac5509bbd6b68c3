import { type ConfiguredSource, isLocal, modeOf, type Resolution, type ResolvedConfig } from '../config/index.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { namesIdentity, serviceOfName } from '../keys/identity.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { DataKeys, KeyProvider, SigningKey } from '../keys/provider.ts';
import { createSourceProvider } from '../providers/index.ts';
import { readsLikeKey } from '../providers/internal/key-text.ts';
import type { Policy } from '../verify/auditor/policy.ts';
import type { NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import { localKeyNames } from './local-keys.ts';

/** The keys that a verifier may use: those of its configuration, its policy and its flags, asked for only when needed. */
export interface AuditorKeys {
  readonly dataKeys: readonly NamedDataKeys[];
  readonly confirmSigner: (signer: SigningKey) => Promise<boolean>;
  /** Whether the configuration names a signing key: it must have signed something of the log (M8.14). */
  readonly signerNamed: boolean;
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
  /** Environment variables that hold a local data key (`--key-env`): `VARIABLE`, or `NAME=VARIABLE` to give the key a name. */
  readonly keyVariables?: readonly string[];
  /** Whether public keys are given (`--public-key`): they replace the configured signing key. Default false. */
  readonly publicKeys?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The source that a data key's name in a policy belongs to; a local key's lies where the configuration has its own. */
function sourceOfName(name: string, config: ResolvedConfig): ConfiguredSource {
  return serviceOfName(name) ?? config.keySource;
}

/** One provider per source, made on first use. */
class Providers {
  readonly #config: ResolvedConfig;
  readonly #env: AuditorKeyOptions['env'];
  readonly #made = new Map<ConfiguredSource, Promise<KeyProvider>>();

  constructor(config: ResolvedConfig, env: AuditorKeyOptions['env']) {
    this.#config = config;
    this.#env = env;
  }

  async get(source: ConfiguredSource): Promise<KeyProvider> {
    const made = this.#made.get(source) ?? this.#make(source);
    this.#made.set(source, made);
    return made;
  }

  async #make(source: ConfiguredSource): Promise<KeyProvider> {
    if (source !== 'env') return createSourceProvider(source, this.#config);
    const { createEnvProvider } = await import('../providers/env.ts');
    return createEnvProvider(this.#config, this.#env);
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

/** Where the configuration has a key from, for the report. */
function configuredPlace({ config, places }: Resolution, source: ConfiguredSource): string {
  if (source === 'env') return `environment variable ${config.keyEnvVar}`;
  if (source === 'file') return `key file ${config.keyFilePath ?? ''}`;
  const place = places.get('keyId') ?? 'default';
  return `the configured key (${place === 'default' ? (places.get('vaultPath') ?? place) : place})`;
}

/**
 * The data keys that configuration and policy name. A key flag replaces what the configuration and the environment offer: a
 * key that nobody meant must not answer for the log. The services that the policy names are asked all the same.
 */
function configuredDataKeys(options: AuditorKeyOptions, byFlag: boolean, providers: Providers): NamedDataKeys[] {
  const { resolution, policy, env } = options;
  const { config } = resolution;
  const { dataKey } = modeOf(config);
  const own = dataKey !== undefined && !byFlag && isConfigured(resolution, env) ? dataKey : undefined;
  // the source only: what a policy names counts for its own stream, and is added there (spec 8.1)
  const sources = (policy?.streams ?? []).flatMap(({ dataKeys }) =>
    dataKeys.map(({ wrap }) => sourceOfName(wrap, config)).filter((source) => !byFlag || !isLocal(source)),
  );
  return [...new Set([...(own ? [own.source] : []), ...sources])].map((source) => ({
    source,
    keys: providers.dataKeys(source),
    named: own?.source === source ? [{ name: own.keyId }] : [],
    givenBy: configuredPlace(resolution, source),
  }));
}

/** The variable that `VARIABLE` or `NAME=VARIABLE` means. */
function variableOf(given: string): string {
  return given.slice(given.lastIndexOf('=') + 1);
}

/** The local data keys of `--keys` and `--key-env`. */
async function flaggedDataKeys(options: AuditorKeyOptions): Promise<(NamedDataKeys & { keys: KeyProvider })[]> {
  const { keyPaths = [], keyVariables = [], env } = options;
  const all: (NamedDataKeys & { keys: KeyProvider })[] = [];
  for (const path of keyPaths) {
    const { FileKeyProvider } = await import('../providers/file.ts');
    const { directory, named } = await localKeyNames(path);
    const [first] = named;
    const dataKeys = directory || first === undefined ? { path } : { path, keyId: first.name };
    all.push({ source: 'file', keys: new FileKeyProvider({ dataKeys }), named, givenBy: `--keys ${path}` });
  }
  for (const given of keyVariables) {
    const { EnvKeyProvider } = await import('../providers/env.ts');
    const variable = variableOf(given);
    if (readsLikeKey(variable) || readsLikeKey(given))
      throw new TamperError('USAGE', '--key-env was given what reads like a key', {
        hint: 'Give the name of the environment variable that holds it, and take the key for known to whoever saw this command.',
      });
    const name = given === variable ? variable : given.slice(0, -variable.length - 1);
    const keys = new EnvKeyProvider({ dataKeys: { [name]: variable }, env });
    all.push({ source: 'env', keys, named: [{ name }], givenBy: `--key-env ${variable}` });
  }
  return all;
}

/** Puts the keys of a verifier together. Nothing is opened or asked before a log needs it. */
export async function auditorKeys(options: AuditorKeyOptions): Promise<AuditorKeys> {
  const { resolution, env } = options;
  const providers = new Providers(resolution.config, env);
  const flagged = await flaggedDataKeys(options);
  const dataKeys = [...configuredDataKeys(options, flagged.length > 0, providers), ...flagged];
  const { signingKey, signingIfNoDataKey, dataKey } = modeOf(resolution.config);
  const candidate = signingKey ?? (signingIfNoDataKey ? dataKey : undefined); // the key itself decides which it is
  const signing =
    candidate !== undefined && options.publicKeys !== true && isConfigured(resolution, env) ? candidate : undefined;
  return {
    dataKeys,
    signerNamed: signing !== undefined && signing === signingKey,
    confirmSigner: async (signer) => signing !== undefined && confirm(providers, signing, signer),
    verifyOnline: async (signer, text, signature) => {
      const provider = await providers.get(signer.source as ConfiguredSource);
      return provider.verify(signer, text, signature);
    },
    close: async () => {
      await providers.close();
      for (const { keys } of flagged) await keys.close();
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
