import { randomBytes } from 'node:crypto';
import { isTamperError, TamperError } from '../errors.ts';
import { withDeadline } from '../foundation/deadline.ts';
import { readBody } from '../foundation/response-body.ts';
import { formatQuery } from './query.ts';
import { type TimeStamp, TOKEN_LIMIT, verifyTimeStamp } from './token.ts';

const TIMEOUT_MS = 15_000;

/** An answer of a time-stamp authority, verified. */
export interface FreshTimeStamp extends TimeStamp {
  /** The TimeStampResp in DER, as it came. */
  readonly reply: Buffer;
}

/**
 * Asks a time-stamp authority over HTTP (RFC 3161 section 3.4), and verifies its answer.
 *
 * @param authorities - certificates that are trusted, DER
 * @throws {@link TamperError} `UNAVAILABLE`, `TIMEOUT`, `RESPONSE_MALFORMED`, `TIMESTAMP_INVALID`, `DEPENDENCY_MISSING`
 */
export async function requestTimeStamp(
  url: string,
  text: Uint8Array,
  authorities: readonly Uint8Array[],
): Promise<FreshTimeStamp> {
  const nonce = randomBytes(8);
  nonce.writeUInt8((nonce.readUInt8(0) & 0x3f) | 0x40, 0);
  const what = `the time-stamp authority ${new URL(url).host}`;
  const reply = await ask(url, formatQuery(text, nonce), what);
  const stamp = await verifyTimeStamp(reply, text, authorities, `the answer of ${what}`);
  if (stamp.nonce === nonce.toString('hex')) return { ...stamp, reply };
  throw new TamperError('RESPONSE_MALFORMED', `${what} answered another query`, {
    hint: 'Its answer lacks the nonce that was sent: something between here and there may repeat old answers.',
  });
}

async function ask(url: string, query: Buffer, what: string): Promise<Buffer> {
  try {
    return await withDeadline({ what, timeoutMs: TIMEOUT_MS }, async (signal) => {
      const headers = { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' };
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: Uint8Array.from(query),
        redirect: 'error',
        signal,
      });
      const tooLong = `${what} answered with over ${TOKEN_LIMIT} bytes`;
      const reply = await readBody(response, TOKEN_LIMIT, () => new TamperError('RESPONSE_MALFORMED', tooLong));
      if (response.ok) return reply;
      throw new TamperError('UNAVAILABLE', `${what} answered with HTTP status ${response.status}`, {
        retryable: response.status >= 500 || response.status === 429,
      });
    });
  } catch (cause) {
    if (isTamperError(cause)) throw cause;
    throw new TamperError('UNAVAILABLE', `${what} cannot be reached`, { cause, retryable: true });
  }
}
