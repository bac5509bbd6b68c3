import type { KeyProvider } from '../../src/index.ts';
import type { SigningKey } from './signing-keys.ts';

/** A key source that signs with a key of the vectors, and does what `change` says. */
export function signerOf(key: SigningKey, change: Partial<KeyProvider> = {}): KeyProvider {
  const source = 'file';
  const { algorithm } = key.signer;
  return {
    source,
    configured: { name: 'signing', records: 'hash', signingKey: { source, keyId: 'audit' }, signingIfNoDataKey: false },
    getSigningKey: async () => key.signer,
    sign: async (identity: string, data: Uint8Array) => ({ bytes: key.sign(data), algorithm, identity }),
    recoverKey: async () => Promise.reject(new Error('no data key was to be asked for')),
    ...change,
  } as KeyProvider;
}
