import { createHash, randomBytes } from 'node:crypto';
import { TamperError } from '../errors.ts';
import { askOverHttp } from '../foundation/http-answer.ts';
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
  const { ok, status, body } = await askOverHttp({
    what,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    body: Uint8Array.from(query),
    limit: TOKEN_LIMIT,
    timeoutMs: TIMEOUT_MS,
  });
  if (ok) return body;
  throw new TamperError('UNAVAILABLE', `${what} answered with HTTP status ${status}`, {
    retryable: status >= 500 || status === 429,
  });
}

/** TimeStampReq of RFC 3161 section 2.4.1, in DER. */

const QUERY_VERSION = Buffer.from('020101', 'hex');
/** MessageImprint up to the hash: SHA-256, without parameters but NULL. */
const IMPRINT_HEAD = Buffer.from('3031300d060960864801650304020105000420', 'hex');
const CERT_REQ = Buffer.from('0101ff', 'hex');

/**
 * A query for a time stamp over SHA-256 of `text`, with the authority's certificate in the answer.
 *
 * @param nonce - 8 bytes, the first one from 0x40 to 0x7f: a positive number in its shortest form
 */
function formatQuery(text: Uint8Array, nonce: Uint8Array): Buffer {
  const [first = 0] = nonce;
  if (nonce.length !== 8 || first < 0x40 || first > 0x7f) throw new RangeError('a nonce is 8 bytes from 0x40 to 0x7f…');
  const hash = createHash('sha256').update(text).digest();
  const body = Buffer.concat([QUERY_VERSION, IMPRINT_HEAD, hash, Uint8Array.of(0x02, nonce.length), nonce, CERT_REQ]);
  return Buffer.concat([Uint8Array.of(0x30, body.length), body]);
}
