import { isError, type TamperError } from '../errors.ts';

/** A checkpoint line that was appended. */
export interface CheckpointEvent {
  readonly origin: string;
  readonly size: number;
  /** The signed note (spec 4). */
  readonly note: string;
  /** Whether everything that the key period promises is in it; false for our MAC alone, while the key service is away. */
  readonly complete: boolean;
}

/** A file that was closed, with its checkpoint and manifest written. */
export interface FileClosedEvent {
  readonly origin: string;
  readonly file: string;
  readonly manifest: string;
}

/** What a sealer tells. */
export interface SealerEvents {
  /** The log cannot go on; `write` throws the same error from now on. */
  error: [error: Error];
  /** Something failed that the log goes on without. */
  warning: [error: Error];
  /** The producer may go on. */
  drain: [];
  checkpoint: [event: CheckpointEvent];
  /** The next file begins. */
  rotate: [event: { readonly origin: string; readonly from: string; readonly to: string }];
  closedFile: [event: FileClosedEvent];
  /** A new key period is in force. */
  handover: [event: { readonly origin: string; readonly from: string; readonly to: string }];
  /** The key service fails since this moment, in milliseconds. */
  outage: [event: { readonly since: number; readonly error: Error }];
  outageOver: [];
  /** Debris that the last run had left was copied to `file` and cut off. */
  torn: [event: { readonly origin: string; readonly file: string; readonly bytes: number }];
}

/** How much a sealer has done. */
export interface SealerStats {
  readonly origin: string;
  readonly file: string;
  /** Seq of the last entry. */
  readonly size: number;
  /** Record lines written. */
  readonly records: number;
  /** Lines lost for want of room. */
  readonly dropped: number;
  /** The newest size that a complete checkpoint covers. */
  readonly covered: number;
  /** Bytes that wait in memory, for a key or for the sink. */
  readonly pendingBytes: number;
}

/** What an unknown thrown value is, as an error. */
export function asError(error: unknown): TamperError | Error {
  return isError(error) ? error : new Error(String(error));
}
