import {
  type ConfiguredKey,
  type ConfiguredSource,
  isLocal,
  isThirdParty,
  keySources,
  modeOf,
  type Resolution,
  type ResolvedConfig,
  signingCandidate,
} from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { isOwnSource, type KeyNaming, printable, serviceOfName } from '../keys/identity.ts';
import type { DataKeys, KeyProvider } from '../keys/provider.ts';
import { createSourceProvider } from '../providers/index.ts';
import type { Policy } from '../verify/auditor/policy.ts';
import type { NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import { dataKeyOfVariable, dataKeysOfPaths, type KeyPaths, type LocalDataKeys } from './local-data-keys.ts';
import { confirmSigner, type VerificationKeys } from './verification-keys.ts';

/** What names the keys of a verifier: configuration, policy and flags. */
export interface ConfiguredKeyOptions {
  readonly resolution: Resolution;
  readonly policy?: Policy | undefined;
  /** Files and directories of local data keys, and files of recovered ones (`--keys`). */
  readonly keyPaths?: readonly string[];
  /** Environment variables that hold a local data key (`--key-env`): `VARIABLE`, or `NAME=VARIABLE` to give the key a name. */
  readonly keyVariables?: readonly string[];
  /** Whether public keys are given (`--public-key`): they replace the configured signing key. Default false. */
  readonly publicKeys?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The provider of one source; local keys of the environment come from `env`. */
async function openSource(
  source: ConfiguredSource,
  config: ResolvedConfig,
  env: ConfiguredKeyOptions['env'],
): Promise<KeyProvider> {
  if (source !== 'env') return createSourceProvider(source, config);
  const { createEnvProvider } = await import('../providers/env.ts');
  return createEnvProvider(config, env);
}

/** One provider per source, made on first use. */
class Providers {
  readonly #config: ResolvedConfig;
  readonly #env: ConfiguredKeyOptions['env'];
  readonly #made = new Map<ConfiguredSource, Promise<KeyProvider>>();
  #postQuantum: Promise<KeyProvider> | undefined;

  constructor(config: ResolvedConfig, env: ConfiguredKeyOptions['env']) {
    this.#config = config;
    this.#env = env;
  }

  async get(source: ConfiguredSource): Promise<KeyProvider> {
    const made = this.#made.get(source) ?? this.#make(source);
    this.#made.set(source, made);
    return made;
  }

  /**
   * The provider of a source that a policy or a log names. Nothing is loaded because of that name: a third party's provider answers
   * only where the configuration names it.
   *
   * @throws {@link TamperError} `CONFIG_INVALID`: the configuration has no such source
   */
  async named(source: string): Promise<KeyProvider> {
    if (isOwnSource(source)) return this.get(source as ConfiguredSource);
    for (const one of keySources(this.#config).filter(isThirdParty)) {
      const provider = await this.get(one);
      if (provider.source === source) return provider;
    }
    throw new TamperError('CONFIG_INVALID', `the configuration has no key source "${printable(source)}"`, {
      hint: 'Name its provider: key_source custom with key_provider_module, or a package fapilog-tamper-keys-NAME.',
    });
  }

  /** The name of a configured source in logs. A third party's provider says its own. */
  async naming(source: ConfiguredSource): Promise<KeyNaming> {
    if (!isThirdParty(source)) return { source };
    const { source: name, versionSeparator } = await this.get(source);
    return { source: name, versionSeparator };
  }

  async #make(source: ConfiguredSource): Promise<KeyProvider> {
    return openSource(source, this.#config, this.#env);
  }

  /** A local one lies in a place of its own. */
  async ofPostQuantum(key: ConfiguredKey): Promise<KeyProvider> {
    if (!isLocal(key.source)) return this.get(key.source);
    this.#postQuantum ??= import('../providers/internal/local-post-quantum.ts').then(
      ({ createLocalPostQuantumProvider }) => createLocalPostQuantumProvider(this.#config, key, this.#env),
    );
    return this.#postQuantum;
  }

  dataKeys(source: string): DataKeys {
    return {
      getKey: async (keyId, context, options) => (await this.named(source)).getKey(keyId, context, options),
      recoverKey: async (reference, named, context, options) =>
        (await this.named(source)).recoverKey(reference, named, context, options),
    };
  }

  async close(): Promise<void> {
    for (const made of [...this.#made.values(), ...(this.#postQuantum ? [this.#postQuantum] : [])]) {
      const provider = await made.catch((error: unknown) => {
        if (error instanceof TamperError) return undefined; // it was reported where it was used
        throw error;
      });
      await provider?.close();
    }
  }
}

/**
 * Opens the source of the signing key that a configuration names. The caller closes it.
 *
 * @throws {@link TamperError} `USAGE` where it names none; what the source is refused with
 */
export async function openSigning(
  config: ResolvedConfig,
  env: ConfiguredKeyOptions['env'],
): Promise<{ readonly keyId: string; readonly signing: KeyProvider }> {
  const named = signingCandidate(modeOf(config));
  if (named === undefined) {
    throw new TamperError('USAGE', 'no signing key is configured', {
      hint: 'Name one as for seal: --config FILE, or --key-source file --key-file-path FILE --algorithm Ed25519.',
    });
  }
  return { keyId: named.keyId, signing: await openSource(named.source, config, env) };
}

/** Whether the configuration names a key on purpose; the default variable counts only where it is set. */
function isConfigured({ config, places }: Resolution, env: ConfiguredKeyOptions['env']): boolean {
  const chosen = (['keySource', 'keyId', 'keyFilePath', 'keyEnvVar', 'vaultPath'] as const).some(
    (option) => (places.get(option) ?? 'default') !== 'default',
  );
  if (config.keySource === 'env') return env[config.keyEnvVar] !== undefined;
  return chosen;
}

/** Where the configuration has a key from, for the report. */
function configuredPlace({ config, places }: Resolution, source: string): string {
  if (source === 'env') return `environment variable ${config.keyEnvVar}`;
  if (source === 'file') return `key file ${config.keyFilePath ?? ''}`;
  const place = places.get('keyId') ?? 'default';
  return `the configured key (${place === 'default' ? (places.get('vaultPath') ?? place) : place})`;
}

/**
 * The data keys that configuration and policy name. A key flag replaces what the configuration and the environment offer: a
 * key that nobody meant must not answer for the log. The services that the policy names are asked all the same.
 */
async function configuredDataKeys(
  options: ConfiguredKeyOptions,
  byFlag: boolean,
  providers: Providers,
): Promise<NamedDataKeys[]> {
  const { resolution, policy, env } = options;
  const { config } = resolution;
  const { dataKey } = modeOf(config);
  const own = dataKey !== undefined && !byFlag && isConfigured(resolution, env) ? dataKey : undefined;
  // the source only: what a policy names counts for its own stream, and is added there (spec 8.1)
  const names = (policy?.streams ?? []).flatMap(({ dataKeys }) =>
    dataKeys.map(({ wrap, source }) => source ?? serviceOfName(wrap)),
  );
  // a name that says no source is that of a key where the configuration has its own
  const unsaid = names.includes(undefined) && !(byFlag && isLocal(config.keySource));
  const configured = own !== undefined || unsaid ? await providers.naming(config.keySource) : undefined;
  const sources = names.filter((source) => source !== undefined && !(byFlag && isLocal(source))) as string[];
  return [...new Set([...(configured ? [configured.source] : []), ...sources])].map((source) => ({
    source,
    ...(source === configured?.source && { versionSeparator: configured.versionSeparator }),
    keys: providers.dataKeys(source),
    named: own !== undefined && configured?.source === source ? [{ name: own.keyId }] : [],
    givenBy: configuredPlace(resolution, source),
  }));
}

/** The data keys of `--keys` and `--key-env`. */
async function flaggedDataKeys(options: ConfiguredKeyOptions): Promise<KeyPaths> {
  const { keyPaths = [], keyVariables = [], env } = options;
  const variables: LocalDataKeys[] = [];
  for (const given of keyVariables) variables.push(await dataKeyOfVariable(given, env, '--key-env'));
  const { local, recovered, close } = await dataKeysOfPaths(keyPaths, (path) => `--keys ${path}`);
  const closeAll = async (): Promise<void> => {
    await close();
    for (const { keys } of variables) await keys.close();
  };
  return { local: [...local, ...variables], recovered, close: closeAll };
}

/**
 * Puts the keys together that a verifier with this configuration may use: those of the configuration, of the policy and of
 * flags. Nothing is opened or asked before a log needs it.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`
 */
export async function configuredKeys(options: ConfiguredKeyOptions): Promise<Omit<VerificationKeys, 'publicKeys'>> {
  const { resolution, env } = options;
  const providers = new Providers(resolution.config, env);
  const flagged = await flaggedDataKeys(options);
  const byFlag = flagged.local.length + flagged.recovered.length > 0;
  const dataKeys = [...(await configuredDataKeys(options, byFlag, providers)), ...flagged.local];
  const mode = modeOf(resolution.config);
  const { signingKey, postQuantumKey } = mode;
  const counts = options.publicKeys !== true && isConfigured(resolution, env);
  const signing = counts ? signingCandidate(mode) : undefined;
  const postQuantum = counts ? postQuantumKey : undefined;
  return {
    dataKeys,
    recoveredKeys: flagged.recovered,
    signerNamed: (signing !== undefined && signing === signingKey) || postQuantum !== undefined,
    confirmSigner: async (signer) => {
      const isOf = async (key: ConfiguredKey, open: () => Promise<KeyProvider>): Promise<boolean> =>
        confirmSigner(open, { ...(await providers.naming(key.source)), keyId: key.keyId }, signer);
      if (signing !== undefined && (await isOf(signing, () => providers.get(signing.source)))) return true;
      return postQuantum !== undefined && isOf(postQuantum, () => providers.ofPostQuantum(postQuantum));
    },
    verifyOnline: async (signer, text, signature) => {
      const provider = await providers.named(signer.source);
      return provider.verify(signer, text, signature);
    },
    close: async () => {
      await providers.close();
      await flagged.close();
    },
  };
}
