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
  /**
   * The log cannot go on: nothing is sealed any more. Lines are still taken, and kept or counted for the next start; with
   * `on_failure: throw` each `write` throws the same error.
   */
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
  /** Lines could not be sealed before the end: `file` holds them, in clear, for the next start. `lost` more it counts only. */
  kept: [event: { readonly origin: string; readonly file: string; readonly lines: number; readonly lost: number }];
  /** Debris that the last run had left was copied to `file` and cut off. */
  torn: [event: { readonly origin: string; readonly file: string; readonly bytes: number }];
}
