/** A key provider of fapilog-tamper for HSMs and smart cards by PKCS#11. */
import type { ResolvedConfig } from 'fapilog-tamper';
import type { KeyProvider } from 'fapilog-tamper/keys';
import type { Pkcs11Options } from './options.ts';
import { Pkcs11Provider } from './provider.ts';

export { options, type Pkcs11Options } from './options.ts';

export function createProvider(config: ResolvedConfig, given: Pkcs11Options): KeyProvider {
  return new Pkcs11Provider(given, config.keyCacheTtlSeconds);
}
