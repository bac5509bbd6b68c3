import { TamperError } from '../errors.ts';

/** The longest message that is signed, in bytes: what AWS KMS takes. A checkpoint's text is far shorter (spec 4). */
const maxMessageBytes = 4096;

/**
 * What may be signed is the same for every key source: 1 to 4,096 bytes.
 *
 * @throws {TamperError} `USAGE`
 */
export function assertMessage(data: Uint8Array): void {
  if (data.length >= 1 && data.length <= maxMessageBytes) return;
  throw new TamperError('USAGE', `there are ${data.length} bytes to sign; only 1 to ${maxMessageBytes} are accepted`);
}
