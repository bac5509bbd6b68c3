import { type ConfiguredSource, modeOf, type ResolvedConfig } from '../config/index.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { createEnvProvider } from './env.ts';
import { createFileProvider } from './file.ts';
import { CompositeProvider } from './internal/composite.ts';

/** All that local keys need, in one: it is loaded at once, at the end of a process too. */

/** A source of local keys. */
export type LocalSource = Extract<ConfiguredSource, 'env' | 'file'>;

/** The provider of one source. */
export function createLocalSource(source: LocalSource, config: ResolvedConfig): KeyProvider {
  return source === 'env' ? createEnvProvider(config) : createFileProvider(config);
}

/** The provider of a configuration whose keys are all local. @param signing - the source of the signing key where it is another one */
export function createLocalProvider(
  source: LocalSource,
  signing: LocalSource | undefined,
  config: ResolvedConfig,
): KeyProvider {
  const key = createLocalSource(source, config);
  const provider = signing === undefined ? key : new CompositeProvider(key, createLocalSource(signing, config));
  return Object.assign(provider, { configured: modeOf(config) });
}
