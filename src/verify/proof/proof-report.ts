import type { Severity } from '../model/findings.ts';
import type { SignerReport, Verdict } from '../verdict/report.ts';

/** What the verification of a proof says. `spec/proof-report.schema.json` is its published schema. */

/** A code of a finding in a proof (spec/evidence.md, section 3). */
export type ProofFindingCode =
  | 'PROOF_MALFORMED'
  | 'ORIGIN_WRONG'
  | 'RECORD_WRONG'
  | 'SEAL_WRONG'
  | 'INCLUSION_WRONG'
  | 'SIGNATURE_WRONG'
  | 'KNOWN_CONTRADICTED'
  | 'RECORDS_FLOOR'
  | 'UNSUPPORTED'
  | 'LIMIT'
  | 'ORIGIN_NOT_NAMED'
  | 'UNSIGNED'
  | 'UNWITNESSED'
  | 'NO_KEY';

/** Every code with its severity. */
export const PROOF_SEVERITY: Readonly<Record<ProofFindingCode, Exclude<Severity, 'warning'>>> = {
  PROOF_MALFORMED: 'tampered',
  ORIGIN_WRONG: 'tampered',
  RECORD_WRONG: 'tampered',
  SEAL_WRONG: 'tampered',
  INCLUSION_WRONG: 'tampered',
  SIGNATURE_WRONG: 'tampered',
  KNOWN_CONTRADICTED: 'tampered',
  RECORDS_FLOOR: 'tampered',
  UNSUPPORTED: 'undecided',
  LIMIT: 'undecided',
  ORIGIN_NOT_NAMED: 'undecided',
  UNSIGNED: 'undecided',
  UNWITNESSED: 'undecided',
  NO_KEY: 'undecided',
};

/** Something that keeps a proof from being ok. */
export interface ProofFinding {
  readonly code: ProofFindingCode;
  readonly severity: Exclude<Severity, 'warning'>;
  readonly message: string;
}

/** The record that a proof is about. It is what it says only where the verdict is ok. */
export interface ProvedLine {
  /** The application's line, where it is UTF-8 text. */
  readonly text?: string;
  /** The application's line in standard padded base64, where it is not. */
  readonly base64?: string;
  /** The record is this part, from 1, of a line that was too long for one record (spec 1). */
  readonly part?: number;
  /** It is the last one of them. */
  readonly lastPart?: true;
}

/** What a proof says, and whether it holds. */
export interface ProofReport {
  readonly verdict: Verdict;
  /** The stream; absent where the proof cannot be read. */
  readonly origin?: string;
  /** SEQ of the record: its index and 1. */
  readonly seq?: number;
  readonly record?: ProvedLine;
  /** Entries that the checkpoint covers. */
  readonly size?: number;
  /** When the checkpoint's seal was written, by the writer's clock, UTC: the record was in the log by then. */
  readonly sealedAt?: string;
  /** The checkpoint, as a signed note. */
  readonly checkpoint?: string;
  /** The keys that you named and that signed the checkpoint. */
  readonly signers: readonly Pick<SignerReport, 'algorithm' | 'fingerprint' | 'givenBy'>[];
  /** Whether you hold this very checkpoint. */
  readonly held: boolean;
  readonly findings: readonly ProofFinding[];
}
