/** What an auditor remembers between two runs: small texts by id, in a directory or in a bucket. */

/** A text with the version that was read. */
export interface StoredText {
  readonly text: string;
  readonly version: string;
}

/** Where texts are remembered. Several auditors may use one at once: none overwrites what it has not read. */
export interface AuditMemory {
  /** As it was named. */
  readonly name: string;
  /** Makes what it needs to be written to: what cannot remember shall not begin. @throws {@link TamperError} `WRITE_FAILED` */
  prepare(): Promise<void>;
  /** The ids of all texts, in no order. @throws {@link TamperError} `READ_FAILED`, what a storage throws */
  ids(): AsyncIterable<string>;
  /** @throws {@link TamperError} `FORMAT_LIMIT` where it is too long; `READ_FAILED`, what a storage throws */
  read(id: string): Promise<StoredText | undefined>;
  /**
   * Replaces the text that was read, or makes a new one where `version` is undefined. A text that it returned for is on the
   * disk.
   *
   * @returns false where somebody else has written meanwhile: nothing was written, or two more have gone on from it already
   * @throws {@link TamperError} `WRITE_FAILED`, what a storage throws
   */
  write(id: string, text: string, version: string | undefined): Promise<boolean>;
}

/** No text is longer, in bytes: room for tens of thousands of files of one stream. */
export const TEXT_LIMIT: number = 32 * 1024 * 1024;
