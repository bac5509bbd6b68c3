/** What brought a log from standard output to its auditor, and wrapped each line on the way. */

/** A carrier by its name: `field:NAME` is any one that puts each line into the string member NAME of a JSON object. */
export type CarrierName = 'docker' | 'cri' | 'loki' | `field:${string}`;

/** Bytes of the log that one line of the carrier holds: a line without its LF, or a piece of one. */
export interface CarriedPiece {
  readonly bytes: Buffer;
  /** Whether the log's line ends with it. */
  readonly ends: boolean;
}

/**
 * What a line of the carrier is: a piece of the log; a line of something else that it carries beside the log, such as standard
 * error; or nothing that it writes.
 */
export type CarriedLine = CarriedPiece | 'beside' | 'foreign';

/** Takes the wrapping off. Nothing of the wrapping is sealed, so nothing of it is believed but where the log's bytes are. */
export interface Carrier {
  readonly name: CarrierName;
  /** Reads one line of the carrier, without its LF. */
  read(line: Buffer): CarriedLine;
}
