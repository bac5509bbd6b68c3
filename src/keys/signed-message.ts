import { TamperError } from '../errors.ts';
import type { SigningKey } from './provider.ts';

/** The longest message that is signed, in bytes: what AWS KMS takes. A checkpoint's text is far shorter (spec 4). */
const maxMessageBytes = 4096;

/**
 * What may be signed is the same for every key source: 1 to 4,096 bytes.
 *
 * @throws {TamperError} `USAGE`
 */
export function assertMessage(data: Uint8Array): void {
  assertBytes('the message', data);
  if (data.length >= 1 && data.length <= maxMessageBytes) return;
  throw new TamperError('USAGE', `there are ${data.length} bytes to sign; only 1 to ${maxMessageBytes} are accepted`);
}

/**
 * What `verify` of a provider is given, where no compiler has looked at it.
 *
 * @throws {TamperError} `USAGE`
 */
export function assertSigned(key: Partial<SigningKey> | null | undefined, data: unknown, signature: unknown): void {
  if (typeof key?.identity !== 'string' || typeof key.algorithm !== 'string') {
    throw new TamperError('USAGE', `a signature is checked with a signing key, not with a ${typeof key}`, {
      hint: 'Give verify(key, data, signature) the key as getSigningKey returns it.',
    });
  }
  assertBytes('the message', data);
  assertBytes('the signature', signature);
}

function assertBytes(what: string, bytes: unknown): void {
  if (ArrayBuffer.isView(bytes)) return;
  throw new TamperError('USAGE', `${what} must be a Uint8Array, not a ${typeof bytes}`);
}
