import type { ResolvedConfig } from './config/index.ts';
import type { Signer } from './format/key-reference.ts';
import { createProviderFor, postQuantumProviderFor } from './providers/index.ts';
import { makeEpoch } from './seal/epoch/epoch-maker.ts';
import { sourcesOf } from './seal/epoch/key-sources.ts';

/** What a sealer with this configuration would sign with now. @throws {@link TamperError} what a key service throws */
export async function signersFor(config: ResolvedConfig, timeoutMs: number): Promise<readonly Signer[]> {
  const key = await createProviderFor(config);
  try {
    const postQuantum = await postQuantumProviderFor(config, key);
    const sources = sourcesOf(config, { key, signing: key, postQuantum });
    try {
      const epoch = await makeEpoch(sources, config.origin, 1, AbortSignal.timeout(timeoutMs));
      epoch.erase();
      return epoch.signers.map(({ signer }) => signer);
    } finally {
      if (postQuantum !== key) await postQuantum.close();
    }
  } finally {
    await key.close();
  }
}
