import { Crc32c } from '@aws-crypto/crc32c';
import { corrupted } from '../internal/service-error.ts';
import type { GcpBytes, GcpInt64Value, GcpSum } from './client.ts';

/** The CRC32C (Castagnoli) of a request's field, to be checked by the service. */
export function checksum(bytes: Uint8Array): GcpSum {
  return { value: new Crc32c().update(bytes).digest() };
}

/**
 * Bytes of a reply whose checksum was computed again.
 *
 * @param field - their name in the reply
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable): absent, or the checksum is absent or another
 */
export function checkedBytes(
  what: string,
  field: string,
  bytes: GcpBytes,
  sum: GcpInt64Value | number | string | null | undefined,
): Buffer {
  const buffer = bufferOf(bytes);
  if (buffer === undefined || buffer.length === 0) throw corrupted(what, `the reply has no ${field}`);
  const claimed = typeof sum === 'object' ? sum?.value : sum;
  if (claimed === undefined || claimed === null) throw corrupted(what, `the reply has no checksum of its ${field}`);
  if (String(claimed) !== String(checksum(buffer).value)) {
    throw corrupted(what, `the checksum of the reply's ${field} does not match`);
  }
  return buffer;
}

/**
 * Demands that the service has checked a checksum that we sent.
 *
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable)
 */
export function assertVerified(what: string, field: string, verified: boolean | null | undefined): void {
  if (verified !== true) throw corrupted(what, `the service did not receive the checksum of ${field}`);
}

function bufferOf(bytes: GcpBytes): Buffer | undefined {
  if (bytes === null || bytes === undefined) return undefined;
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : viewOf(bytes);
}

/**
 * The same memory as a Buffer: what is overwritten in one is overwritten in the other. Requests need it too: over REST the
 * SDK sends the wrong bytes of any other view that does not begin where its memory does.
 */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
