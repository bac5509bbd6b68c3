import { modeOf, type ResolvedConfig } from '../../config/index.ts';
import type { DataKeys, KeyProvider, ProviderLifecycle, Signing } from '../../keys/provider.ts';

/** A source of data keys and the name of the key to use there. */
export interface DataKeySource {
  readonly keys: DataKeys & ProviderLifecycle;
  readonly keyId: string;
}

/** A source of signatures and the name of the key to use there. */
export interface SigningSource {
  readonly signing: Signing & ProviderLifecycle;
  readonly keyId: string;
}

/** The keys that a stream is sealed with (spec 5). At least one of both. */
export interface KeySources {
  readonly dataKey?: DataKeySource;
  /** In the order of `signers`. */
  readonly signers: readonly SigningSource[];
  /**
   * The key says itself whether it can wrap data keys: where it cannot (`UNSUPPORTED_OPERATION`), it signs instead, and
   * records carry checksums.
   */
  readonly signIfNoDataKey?: SigningSource;
}

/** Every provider once. */
export function providersOf(sources: KeySources): ProviderLifecycle[] {
  const all = new Set<ProviderLifecycle>(sources.signers.map(({ signing }) => signing));
  if (sources.dataKey !== undefined) all.add(sources.dataKey.keys);
  return [...all];
}

/** The keys of a configuration, from the providers that have them. */
export function sourcesOf(config: ResolvedConfig, provider: KeyProvider, signingProvider: KeyProvider): KeySources {
  const { dataKey, signingKey, signingIfNoDataKey } = modeOf(config);
  return {
    ...(dataKey && { dataKey: { keys: provider, keyId: dataKey.keyId } }),
    signers:
      signingKey === undefined ? [] : [{ signing: dataKey ? signingProvider : provider, keyId: signingKey.keyId }],
    ...(signingIfNoDataKey && dataKey && { signIfNoDataKey: { signing: provider, keyId: dataKey.keyId } }),
  };
}
