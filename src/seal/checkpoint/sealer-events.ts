import type { TamperError } from '../../errors.ts';

/** A checkpoint line that was appended. */
export interface CheckpointEvent {
  readonly origin: string;
  readonly size: number;
  /** The signed note (spec 4). */
  readonly note: string;
  /** Whether everything that the key period promises is in it; false for our MAC alone, while the key service is unreachable. */
  readonly complete: boolean;
}

/** A file that was closed, with its checkpoint and manifest written. */
export interface FileClosedEvent {
  readonly origin: string;
  readonly file: string;
  readonly manifest: string;
}

/** The events of a sealer. */
export interface SealerEvents {
  /**
   * The log cannot continue: nothing more is sealed. Lines are still accepted, and kept or counted for the next start; with
   * `on_failure: throw` each `write` throws the same error.
   */
  error: [error: TamperError];
  /** Something failed, but the log continues. */
  warning: [error: TamperError];
  /** The producer may continue writing. */
  drain: [];
  checkpoint: [event: CheckpointEvent];
  /** The next file begins. */
  rotate: [event: { readonly origin: string; readonly from: string; readonly to: string }];
  closedFile: [event: FileClosedEvent];
  /** A new key period is in force. */
  handover: [event: { readonly origin: string; readonly from: string; readonly to: string }];
  /** The key service has been failing since this time, in milliseconds. */
  outage: [event: { readonly since: number; readonly error: TamperError }];
  outageOver: [];
  /** Lines could not be sealed before the end: `file` holds them, unencrypted, for the next start, and counts `lost` more. */
  kept: [event: { readonly origin: string; readonly file: string; readonly lines: number; readonly lost: number }];
  /** Debris that the last run left behind was copied to `file` and removed from the log. */
  torn: [event: { readonly origin: string; readonly file: string; readonly bytes: number }];
}
