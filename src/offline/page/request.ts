import type { ProofsReport } from '../../report/words/proofs.ts';
import type { VerifyReport } from '../../verify/verdict/report.ts';

/** What the page and its worker say to each other. */

/** A file and the path that the report has for it: no other file of its place has that one. */
export interface GivenFile {
  readonly path: string;
  /** The name that it came with, or its path in the folder that it came with: the end of `path`. */
  readonly given: string;
  readonly blob: Blob;
}

/** What to verify, and what the verdict is based on. */
export interface Request {
  /** Sealed files and what stands beside them; or proofs of records, and nothing else. */
  readonly logs: readonly GivenFile[];
  /** Verifier keys or a PEM, each. */
  readonly publicKeys: readonly GivenFile[];
  /** A policy, and the checkpoints that it names as pins. */
  readonly policy: readonly GivenFile[];
  /** Known files (JSON), and checkpoints that the auditor holds. */
  readonly known: readonly GivenFile[];
  /** Names of streams; none where a policy names them. */
  readonly origins: readonly string[];
  /** What wrapped the lines on their way, as `--unwrap` takes it; empty where nothing did. */
  readonly unwrap: string;
  readonly live: boolean;
  readonly part: boolean;
  readonly strict: boolean;
  readonly acceptSuccessors: boolean;
  readonly maxBytes: number | undefined;
  /** Whether the report leaves the lines of the log out. */
  readonly withoutLines: boolean;
  readonly now: Date;
}

/** What could not be done, as the command line says it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** What the worker answers, in this order: progress, then one of the others. */
export type Answer =
  | { readonly kind: 'progress'; readonly read: number; readonly total: number }
  | { readonly kind: 'report'; readonly report: VerifyReport; readonly known: string | undefined }
  | { readonly kind: 'proofs'; readonly report: ProofsReport }
  | { readonly kind: 'failure'; readonly failure: Failure };
