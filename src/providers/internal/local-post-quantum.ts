import type { ConfiguredKey, ResolvedConfig } from '../../config/index.ts';
import type { KeyProvider } from '../../keys/provider.ts';
import { type EnvKeyOptions, EnvKeyProvider } from '../env.ts';
import { FileKeyProvider } from '../file.ts';

/** A local key of ML-DSA lies in a place of its own, so its provider is one too. The caller closes it. */
export function createLocalPostQuantumProvider(
  config: ResolvedConfig,
  { source, keyId }: ConfiguredKey,
  env?: EnvKeyOptions['env'],
): KeyProvider {
  if (source === 'env')
    return new EnvKeyProvider({ signingKeys: { [keyId]: config.postQuantumKeyEnvVar }, ...(env && { env }) });
  const path = config.postQuantumKeyFilePath ?? config.keyFilePath ?? '';
  const directoryOnly = config.postQuantumKeyFilePath === undefined;
  return new FileKeyProvider({ signingKeys: { path, keyId, directoryOnly } });
}
