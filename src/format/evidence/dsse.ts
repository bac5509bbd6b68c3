import { encodeBase64 } from '../base64.ts';

/** DSSE, the envelope of in-toto (github.com/secure-systems-lab/dsse, protocol 1.0): what is signed, and how it is written. */

/** The type of a payload that is an in-toto statement. */
export const IN_TOTO_PAYLOAD = 'application/vnd.in-toto+json';

/** One signature over a payload. */
export interface EnvelopeSignature {
  /** A hint at the key, nothing to trust: `sha256:` and the hex of SHA-256(SPKI). */
  readonly keyid: string;
  readonly bytes: Uint8Array;
}

/** PAE, the bytes that are signed: type and payload, each with its length in bytes. */
export function preAuthEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type, 'utf8')} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head, 'utf8'), payload]);
}

/** An envelope as one line of JSON, with its LF. */
export function formatEnvelope(type: string, payload: Uint8Array, signatures: readonly EnvelopeSignature[]): string {
  const envelope = {
    payloadType: type,
    payload: encodeBase64(payload),
    signatures: signatures.map(({ keyid, bytes }) => ({ keyid, sig: encodeBase64(bytes) })),
  };
  return `${JSON.stringify(envelope)}\n`;
}
