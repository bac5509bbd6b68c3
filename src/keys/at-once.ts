import type { LATER } from '../foundation/steps.ts';
import type { DataKey, KeyContext, Signature, SigningKey } from './provider.ts';

/**
 * What a source of local keys can do without waiting, for the end of a process. Each does what the method of this name does, and
 * throws as that; {@link LATER} for what takes time.
 */
export interface KeysAtOnce {
  getKey(keyId: string, context: KeyContext): DataKey | typeof LATER;
  getSigningKey(keyId: string): SigningKey | typeof LATER;
  sign(keyId: string, data: Uint8Array): Signature | typeof LATER;
}

/** What a source of keys can do at once; undefined for one that is not local. */
export function keysAtOnce(source: { readonly atOnce?: KeysAtOnce | undefined } | object): KeysAtOnce | undefined {
  return 'atOnce' in source ? source.atOnce : undefined;
}
