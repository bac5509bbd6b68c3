import type { ConfiguredSource, TamperConfig } from './tamper-config.ts';

/** Whether a source is on this host: no key service is asked. */
export function isLocal(source: string): source is 'env' | 'file' {
  return source === 'env' || source === 'file';
}

type WithSource = TamperConfig & { readonly keySource: ConfiguredSource };

/** Where the key `post_quantum_key_id` comes from; undefined where none is named. */
export function postQuantumSource(config: WithSource): ConfiguredSource | undefined {
  if (config.postQuantumKeyId === undefined) return undefined;
  return config.postQuantumKeySource ?? config.signingKeySource ?? config.keySource;
}

/** The sources that a configuration uses: that of the key, and those of the signing keys where they are others. */
export function keySources(config: WithSource): ConfiguredSource[] {
  const signing = config.signingKeyId === undefined ? undefined : config.signingKeySource;
  const all = [config.keySource, signing, postQuantumSource(config)];
  return [...new Set(all.filter((source) => source !== undefined))];
}
