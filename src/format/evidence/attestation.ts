import { encodeBase64 } from '../base64.ts';

/** The in-toto statement of sealed files that were verified (spec/evidence.md, section 4; in-toto Statement v1). */

/** What the predicate is: in-toto's Simple Verification Result 0.1. */
const SVR_PREDICATE = 'https://in-toto.io/attestation/svr/v0.1';
/** What is verified, and how: another number where that changes. At the URI nothing needs to be fetched. */
const VERIFIER = 'https://fapilog-tamper.dev/verifier/v1';
const STATEMENT = 'https://in-toto.io/Statement/v1';

/** A file that a statement is about. */
export interface StatementSubject {
  /** Its base name. */
  readonly name: string;
  /** SHA-256 of its bytes, uncompressed, as hex: what its manifest has too (M7.1). */
  readonly sha256: string;
}

/** What held, beside the verdict. */
export type VerifiedProperty =
  | 'CHECKED_BY_SIGNATURE'
  | 'CHECKED_BY_MAC'
  | 'WITNESSED'
  | 'TIME_STAMPED'
  | 'WITHOUT_WARNINGS';

/** The program that verified. */
export interface StatedVerifier {
  readonly version: string;
  /** Of the program, by its own word: what `fapilog-tamper --version --verbose` prints. */
  readonly sha256: string;
  /** Of the file of the policy; absent where there was none. */
  readonly policySha256?: string | undefined;
}

/** What is said of the log, by the names of the report. */
export interface SealedLogStatement {
  readonly origin: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Lines of the application. */
  readonly records: number;
  /** So many of them are erased; absent if none is. */
  readonly erased?: number;
  /** `closed`, `continued`, or `open` for files that are followed by others. */
  readonly end: 'closed' | 'continued' | 'open';
  /** Time of the last control entry, by the writer's clock, UTC. */
  readonly endTime?: string;
  /** The newest checkpoint that verified, as a signed note. */
  readonly checkpoint?: string;
  /** Fingerprints of the keys that signed the log, `sha256:` and the hex of SHA-256(SPKI). */
  readonly signers: readonly string[];
  /** Entries that enough of the named witnesses have cosigned; absent where none was named. */
  readonly witnessed?: { readonly required: number; readonly size: number };
  /** The time stamp of the most entries; absent where there is none. */
  readonly dated?: { readonly size: number; readonly time: string; readonly authority: string };
  /** The codes of all findings; none of them changes the verdict. */
  readonly warnings: readonly string[];
}

/** What a statement says, and who. */
export interface VerificationStatement {
  readonly verifier: StatedVerifier;
  /** By the clock of who verified, UTC. */
  readonly time: string;
  readonly properties: readonly VerifiedProperty[];
  readonly log: SealedLogStatement;
}

/** The payload of the envelope: the statement in this one order of its members. */
export function formatStatement(
  subjects: readonly StatementSubject[],
  { verifier: { version, sha256, policySha256 }, time, properties, log }: VerificationStatement,
): Buffer {
  const policy = policySha256 === undefined ? undefined : { digest: { sha256: policySha256 } };
  const { origin, firstSeq, lastSeq, records, erased, end, endTime, checkpoint } = log;
  const { signers, witnessed, dated, warnings } = log;
  const statement = {
    _type: STATEMENT,
    subject: subjects.map(({ name, sha256: digest }) => ({ name, digest: { sha256: digest } })),
    predicateType: SVR_PREDICATE,
    predicate: {
      verifier: { id: VERIFIER, version, digest: { sha256 }, policy },
      timeCreated: time,
      properties: ['OK', ...properties].map((property) => `FAPILOG_TAMPER_${property}`),
      sealedLog: {
        origin,
        firstSeq,
        lastSeq,
        records,
        erased,
        end,
        endTime,
        checkpoint,
        signers,
        witnessed,
        dated,
        warnings,
      },
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
