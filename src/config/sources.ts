import type { ConfiguredSource, TamperConfig } from './tamper-config.ts';

/** Whether a source is on this host: no key service is asked. */
export function isLocal(source: string): source is 'env' | 'file' {
  return source === 'env' || source === 'file';
}

/** The sources that a configuration uses: that of the key, and that of the signing key where there is another. */
export function keySources(config: TamperConfig & { readonly keySource: ConfiguredSource }): ConfiguredSource[] {
  const signing = config.signingKeyId === undefined ? undefined : config.signingKeySource;
  return signing === undefined || signing === config.keySource ? [config.keySource] : [config.keySource, signing];
}
