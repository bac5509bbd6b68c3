import type { KeyContext } from './provider.ts';

/**
 * M5.7: What a wrapped data key is bound to, as additional authenticated data (Google Cloud KMS, Vault, OpenBao; spec 5):
 *
 *     fapilog-tamper/v1 data key LF origin LF KID LF
 */
export function wrappingAad(context: KeyContext): Buffer {
  return Buffer.from(`fapilog-tamper/v1 data key\n${context.origin}\n${context.kid}\n`, 'utf8');
}

/** What a wrapped data key is bound to, as an AWS encryption context (spec 5). */
export function wrappingPairs(context: KeyContext): Record<'fapilog-tamper' | 'origin' | 'key_id', string> {
  return { 'fapilog-tamper': 'v1', origin: context.origin, key_id: context.kid };
}
