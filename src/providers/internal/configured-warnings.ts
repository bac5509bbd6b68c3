import type { KeyProvider } from '../../keys/provider.ts';
import { KeyWarnings, type WarningListener } from '../../keys/warnings.ts';

/**
 * Adds what a configuration warns of to the warnings of its provider. Nobody has to listen: then the process warns, after
 * whoever made the provider had time to.
 */
export function handOnWarnings(provider: KeyProvider, texts: readonly string[]): KeyProvider {
  const own = provider.onWarning?.bind(provider);
  const warnings = new KeyWarnings(provider.source);
  for (const text of texts) warnings.say('configuration', text);
  let isHeard = false;
  setImmediate(() => {
    if (!isHeard) for (const text of texts) process.emitWarning(`fapilog-tamper: ${text}`);
  });
  return Object.assign(provider, {
    onWarning: (listener: WarningListener) => {
      isHeard = true;
      warnings.listen(listener);
      own?.(listener);
    },
  });
}
