import type { Readable } from 'node:stream';
import { isTamperError, TamperError } from '../../../errors.ts';
import { aborted, throwIfAborted } from '../../../foundation/deadline.ts';

/** A listing of a thousand names of 1 KB, each byte of them escaped, is not longer, in bytes. */
export const LONGEST_LISTING: number = 8 * 1024 * 1024;
/** No other reply that an SDK collects is longer, in bytes, and no refusal. */
export const LONGEST_REPLY: number = 64 * 1024;

/** How the body of a reply is read. */
export interface ReplyBody {
  /** What is being done, for messages: `AWS S3 GetObject "bucket"`. */
  readonly what: string;
  /** How many bytes it has, where that is known. */
  readonly length?: number | undefined;
  /** How many it may have, in bytes. */
  readonly limit: number;
  /** How long a request may wait for its reply, in milliseconds: nothing may arrive for as long, and at most for 10 s. */
  readonly requestTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

// the HTTP client of Google's SDK 7 does not notice a connection that ends in the middle of a body: nothing else ends the wait
const MAX_STALL_MS = 10_000;

/**
 * Reads the body of a reply to its end. The SDKs bound the wait for a reply, none of them that for its body, and a signal
 * reaches it in some of them only.
 *
 * @throws {@link TamperError} `UNAVAILABLE` (retryable): it broke off, stalled, or is shorter than it should be;
 * `RESPONSE_MALFORMED`: longer; `ABORTED`
 */
export async function readReply(stream: Readable, body: ReplyBody): Promise<Buffer> {
  const { what, limit, requestTimeoutMs, signal } = body;
  const stallMs = Math.min(requestTimeoutMs, MAX_STALL_MS);
  const onAbort = (): void => void stream.destroy(aborted(what, signal));
  const stalled = (): void => void stream.destroy(brokenOff(what, `nothing arrived for ${stallMs} ms`));
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(stalled, stallMs);
  const parts: Uint8Array[] = [];
  let whole: Buffer | undefined;
  let length = 0;
  try {
    throwIfAborted(what, signal);
    if (body.length !== undefined && body.length > limit) throw tooLong(what, body);
    // parts that are kept until all have come would be freed late: megabytes for each reply
    if (body.length !== undefined) whole = Buffer.allocUnsafeSlow(body.length);
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      timer.refresh();
      if (length + part.length > Math.min(limit, body.length ?? limit)) throw tooLong(what, body);
      if (whole === undefined) parts.push(part);
      else whole.set(part, length);
      length += part.length;
    }
  } catch (error) {
    if (isTamperError(error)) throw error;
    throw brokenOff(what, `the reply broke off after ${length} bytes`, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    stream.destroy(); // what is not read to its end would keep its connection
  }
  if (body.length !== undefined && length < body.length) {
    throw brokenOff(what, `the reply ended after ${length} of ${body.length} bytes`);
  }
  return whole ?? Buffer.concat(parts);
}

function tooLong(what: string, { length, limit }: ReplyBody): TamperError {
  const most =
    length === undefined || length > limit
      ? `the ${limit} bytes that it may have`
      : `the ${length} bytes that it should have`;
  return new TamperError('RESPONSE_MALFORMED', `${what}: the reply is longer than ${most}`);
}

function brokenOff(what: string, why: string, cause?: unknown): TamperError {
  // of the vendor's error only what its message says of the connection: it may hang on a request with credentials
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
  return new TamperError('UNAVAILABLE', `${what}: ${why}${code === undefined ? '' : ` (${code})`}`, {
    retryable: true,
  });
}
