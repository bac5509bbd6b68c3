import { createHash } from 'node:crypto';

/** TimeStampReq of RFC 3161 section 2.4.1, in DER. */

const VERSION = Buffer.from('020101', 'hex');
/** MessageImprint up to the hash: SHA-256, without parameters but NULL. */
const IMPRINT = Buffer.from('3031300d060960864801650304020105000420', 'hex');
const CERT_REQ = Buffer.from('0101ff', 'hex');

/**
 * A query for a time stamp over SHA-256 of `text`, with the authority's certificate in the answer.
 *
 * @param nonce - 8 bytes, the first one from 0x40 to 0x7f: a positive number in its shortest form
 */
export function formatQuery(text: Uint8Array, nonce: Uint8Array): Buffer {
  const [first = 0] = nonce;
  if (nonce.length !== 8 || first < 0x40 || first > 0x7f) throw new RangeError('a nonce is 8 bytes from 0x40 to 0x7f…');
  const hash = createHash('sha256').update(text).digest();
  const body = Buffer.concat([VERSION, IMPRINT, hash, Uint8Array.of(0x02, nonce.length), nonce, CERT_REQ]);
  return Buffer.concat([Uint8Array.of(0x30, body.length), body]);
}
