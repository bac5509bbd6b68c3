import { TamperError } from '../errors.ts';
import type { KeyContext } from './provider.ts';

/**
 * A data key that is bound to nothing could be taken from one stream to another.
 *
 * @throws {TamperError} `USAGE`: no origin or key id
 */
function assertContext(context: Partial<KeyContext> | null | undefined): void {
  if (typeof context?.origin === 'string' && typeof context.kid === 'string') return;
  throw new TamperError('USAGE', 'a data key is bound to a stream and a key period, and the context names none', {
    hint: "Give getKey and recoverKey a context, for example { origin: 'audit.example.com/app', kid: 'AAAAAAAA.1' }.",
  });
}

/**
 * M5.7: What a wrapped data key is bound to, as additional authenticated data (Google Cloud KMS, Vault, OpenBao; spec 5):
 *
 *     fapilog-tamper/v1 data key LF origin LF KID LF
 */
export function wrappingAad(context: KeyContext): Buffer {
  assertContext(context);
  return Buffer.from(`fapilog-tamper/v1 data key\n${context.origin}\n${context.kid}\n`, 'utf8');
}

/** What a wrapped data key is bound to, as an AWS encryption context (spec 5). */
export function wrappingPairs(context: KeyContext): Record<'fapilog-tamper' | 'origin' | 'key_id', string> {
  assertContext(context);
  return { 'fapilog-tamper': 'v1', origin: context.origin, key_id: context.kid };
}
