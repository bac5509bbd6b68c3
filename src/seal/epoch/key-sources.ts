import { modeOf, type ResolvedConfig } from '../../config/index.ts';
import type { DataKeys, KeyProvider, ProviderLifecycle, Signing } from '../../keys/provider.ts';
import type { EpochSigner } from './epoch.ts';

/** A source of data keys and the name of the key to use there. */
export interface DataKeySource {
  readonly keys: DataKeys & ProviderLifecycle;
  readonly keyId: string;
}

/** A source of signatures and the name of the key to use there. */
export interface SigningSource {
  readonly signing: Signing & ProviderLifecycle;
  readonly keyId: string;
  /** It has to be a key of ML-DSA. Default false. */
  readonly postQuantum?: boolean;
}

/** The keys that a stream is sealed with (spec 5). At least one of both. */
export interface KeySources {
  readonly dataKey?: DataKeySource;
  /** In the order of `signers`. */
  readonly signers: readonly SigningSource[];
  /** The note key, which is read once: that its file is gone later ends no key period. */
  readonly note?: EpochSigner | undefined;
  /**
   * The key says itself whether it can wrap data keys: where it cannot (`UNSUPPORTED_OPERATION`), it signs instead, and
   * records carry checksums.
   */
  readonly signIfNoDataKey?: SigningSource;
  /** Whether each record has a salt (M1.12). Default: where there is a signer. */
  readonly salted?: boolean;
}

/** Every provider once. */
export function providersOf(sources: KeySources): ProviderLifecycle[] {
  const all = new Set<ProviderLifecycle>(sources.signers.map(({ signing }) => signing));
  if (sources.dataKey !== undefined) all.add(sources.dataKey.keys);
  return [...all];
}

/** The providers of a configuration's keys; one may be several. */
export interface ConfiguredProviders {
  /** Of `key_id`. */
  readonly key: KeyProvider;
  /** Of `signing_key_id`. */
  readonly signing: KeyProvider;
  /** Of `post_quantum_key_id`. */
  readonly postQuantum: KeyProvider;
  /** Absent where none is configured. */
  readonly note?: EpochSigner | undefined;
}

/** The keys of a configuration, from the providers that have them. */
export function sourcesOf(config: ResolvedConfig, providers: ConfiguredProviders): KeySources {
  const { key, signing, postQuantum, note } = providers;
  const { dataKey, signingKey, postQuantumKey, signingIfNoDataKey } = modeOf(config);
  const signers: SigningSource[] = [];
  if (signingKey !== undefined) signers.push({ signing: dataKey ? signing : key, keyId: signingKey.keyId });
  if (postQuantumKey !== undefined) {
    signers.push({ signing: postQuantum, keyId: postQuantumKey.keyId, postQuantum: true });
  }
  return {
    ...(dataKey && { dataKey: { keys: key, keyId: dataKey.keyId } }),
    signers,
    note,
    ...(signingIfNoDataKey && dataKey && { signIfNoDataKey: { signing: key, keyId: dataKey.keyId } }),
    ...(config.saltRecords !== undefined && { salted: config.saltRecords }),
  };
}
