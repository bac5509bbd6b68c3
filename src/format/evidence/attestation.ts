import { encodeBase64 } from '../base64.ts';

/** The in-toto statement of sealed files that were verified (spec/evidence.md, section 4; in-toto Statement v1). */

/** What the predicate is: a URI that names it, and at which nothing needs to be fetched. */
const SEALED_FILES_PREDICATE = 'https://fapilog-tamper.dev/attestation/sealed-files/v1';
const STATEMENT = 'https://in-toto.io/Statement/v1';

/** A file that a statement is about. */
export interface StatementSubject {
  /** Its base name. */
  readonly name: string;
  /** SHA-256 of its bytes, uncompressed, as hex: what its manifest has too (M7.1). */
  readonly sha256: string;
}

/** What is said of the files. */
export interface SealedFilesPredicate {
  readonly origin: string;
  /** Nothing else is attested. */
  readonly verdict: 'ok';
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Lines of the application. */
  readonly records: number;
  /** `closed`, `continued`, or `open` for files that are followed by others. */
  readonly end: 'closed' | 'continued' | 'open';
  /** Time of the last control entry, by the writer's clock, UTC. */
  readonly endTime?: string;
  /** The newest checkpoint that verified, as a signed note. */
  readonly checkpoint?: string;
  /** How the entries were checked. */
  readonly checkedBy: readonly ('mac' | 'signature')[];
  /** Fingerprints of the keys that signed the log, `sha256:` and the hex of SHA-256(SPKI). */
  readonly signers: readonly string[];
  /** When the files were verified, by the clock of who did, UTC. */
  readonly verifiedAt: string;
}

/** The payload of the envelope: the statement in this one order of its members. */
export function formatStatement(subjects: readonly StatementSubject[], predicate: SealedFilesPredicate): Buffer {
  const { origin, verdict, firstSeq, lastSeq, records, end, endTime, checkpoint } = predicate;
  const { checkedBy, signers, verifiedAt } = predicate;
  const statement = {
    _type: STATEMENT,
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: SEALED_FILES_PREDICATE,
    predicate: {
      origin,
      verdict,
      firstSeq,
      lastSeq,
      records,
      end,
      endTime,
      checkpoint,
      checkedBy,
      signers,
      verifiedAt,
    },
  };
  return Buffer.from(JSON.stringify(statement), 'utf8');
}

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
