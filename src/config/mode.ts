import type { ResolvedConfig } from './defaults.ts';
import { type ConfiguredSource, isLocal, postQuantumSource } from './tamper-config.ts';

/** A key that a configuration names. */
export interface ConfiguredKey {
  readonly source: ConfiguredSource;
  readonly keyId: string;
}

/** What a configuration means for the log (spec 5). */
export interface Mode {
  /** `data-key`: MACs only; `signing`: signatures only; `both`: MACs and signatures. */
  readonly name: 'data-key' | 'signing' | 'both';
  /** What each entry carries. */
  readonly records: 'mac' | 'hash';
  /** The data key; absent in mode `signing`. */
  readonly dataKey?: ConfiguredKey;
  /** The key that signs checkpoints; absent in mode `data-key`, and where only one of ML-DSA does. */
  readonly signingKey?: ConfiguredKey;
  /** The key of ML-DSA that signs checkpoints too; absent where none is named. */
  readonly postQuantumKey?: ConfiguredKey;
  /**
   * True where only the key itself can tell: Azure without `use_kms_signing`. If it cannot wrap a data key
   * (`UNSUPPORTED_OPERATION`), the mode is `signing` with the same key.
   */
  readonly signingIfNoDataKey: boolean;
}

/**
 * The mode of a configuration that passed its checks; its key ids are set. In Vault `vault_path` names the key, and
 * `key_id` is a word for people; a signing key without a mount is in the mount of `vault_path`.
 */
export function modeOf(config: ResolvedConfig): Mode {
  const mode = modeWithoutPostQuantum(config);
  const source = postQuantumSource(config);
  if (source === undefined || config.postQuantumKeyId === undefined) return mode;
  const keyId = source === 'vault' ? inMount(config, config.postQuantumKeyId) : config.postQuantumKeyId;
  return { ...mode, name: mode.dataKey === undefined ? 'signing' : 'both', postQuantumKey: { source, keyId } };
}

/** The key that signs, if one does: of a key that may be either the key itself decides which it is. */
export function signingCandidate({ signingKey, signingIfNoDataKey, dataKey }: Mode): ConfiguredKey | undefined {
  return signingKey ?? (signingIfNoDataKey ? dataKey : undefined);
}

function modeWithoutPostQuantum(config: ResolvedConfig): Mode {
  const keyId = config.keySource === 'vault' ? (config.vaultPath ?? config.keyId) : config.keyId;
  const key = { source: config.keySource, keyId: keyId ?? '' };
  if (config.signingKeyId !== undefined) {
    const source = config.signingKeySource ?? config.keySource;
    const signingKey = {
      source,
      keyId: source === 'vault' ? inMount(config, config.signingKeyId) : config.signingKeyId,
    };
    return { name: 'both', records: 'mac', dataKey: key, signingKey, signingIfNoDataKey: false };
  }
  if (config.algorithm === 'Ed25519' || (config.useKmsSigning === true && !isLocal(config.keySource))) {
    return { name: 'signing', records: 'hash', signingKey: key, signingIfNoDataKey: false };
  }
  const signingIfNoDataKey = config.keySource === 'azure-keyvault' && config.useKmsSigning === undefined;
  return { name: 'data-key', records: 'mac', dataKey: key, signingIfNoDataKey };
}

function inMount(config: ResolvedConfig, name: string): string {
  const mount = config.vaultPath?.slice(0, config.vaultPath.lastIndexOf('/keys/'));
  return name.includes('/keys/') || mount === undefined ? name : `${mount}/keys/${name}`;
}
