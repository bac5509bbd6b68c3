import type { Digest } from '../core/hash.ts';
import type { RecordKey } from '../core/hmac.ts';
import type { Frontier } from '../core/tree.ts';
import type { AuthMember } from '../format/entry.ts';

/**
 * The two loops that nearly all time goes into, a batch of lines at each call: input lines into records (spec 1), and records
 * that stand as an honest log has them. What a line means beyond that, and every decision, is the caller's.
 */

/** What every record of a batch has in common. */
interface Batch {
  /** The seq of its first record. */
  readonly seq: number;
  /** `TAG.EPOCH` */
  readonly kid: string;
  readonly member: AuthMember;
  /** How many records it has at most; at least 1. */
  readonly records: number;
}

/** Input lines that are to become records. */
export interface LinesToSeal extends Batch {
  /** The lines are those of `input[from, to)` that end there with an LF. */
  readonly input: Buffer;
  readonly from: number;
  readonly to: number;
  /** No line is begun behind so many bytes of input. */
  readonly inputBytes: number;
  /** Whether the caller knows that every line is one JSON object. */
  readonly areObjects: boolean;
  /** A longer line is left, in bytes. */
  readonly maxLineBytes: number;
  /** The records go to `output[at, …)`. `at` is at least 1: the byte before it is borrowed for a moment. */
  readonly output: Buffer;
  readonly at: number;
  /** A line is left whose record could end behind this place. */
  readonly limit: number;
  /** A line is left that would end behind this place, if it were taken without any member of ours. */
  readonly lineLimit: number;
  /** The key of their MACs; undefined where `member` is `hash`. */
  readonly key: RecordKey | undefined;
  /** {@link SALT_LENGTH} bytes for each of `records`, fresh from the random generator; undefined in a key period without salts (M1.14). */
  readonly salts: Buffer | undefined;
  /** The tree before them, which grows by them. */
  readonly frontier: Frontier;
}

/** How far lines have become records. */
export interface SealedLines {
  readonly records: number;
  /** Where the first line begins that was left. */
  readonly taken: number;
  /** Where the output ends. */
  readonly end: number;
  /** The leaf hash of the last one; undefined without any. */
  readonly leaf: Digest | undefined;
}

/** Lines that may be the next records of a stream. */
export interface RecordsToCheck extends Batch {
  /** The lines are those of `bytes[from, to)` that end there with an LF. `from` is at least 1, and the byte before it borrowed. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  /** Whether each record has a salt, or none has (M1.12). An erased record is taken by nobody here. */
  readonly salted: boolean;
  /** Whether `auth` is checked, or its form alone. */
  readonly checksAuth: boolean;
  /** The key of their MACs; undefined where `member` is `hash`, and where the form alone is checked. */
  readonly key: RecordKey | undefined;
  /** The tree before them, which grows by them; undefined where nobody knows it. */
  readonly frontier: Frontier | undefined;
  /** Takes their leaf hashes, {@link LEAF_BYTES} each. */
  readonly leaves: Buffer;
}

/** How far lines are the records that they should be. */
export interface CheckedRecords {
  readonly records: number;
  /** Where the first line begins that is none. */
  readonly end: number;
}

/** Which engine it is. */
export type EngineName = 'typescript' | 'native';

/** One of two that do the same, byte for byte. */
export interface Engine {
  readonly name: EngineName;
  /** Seals lines in their order, up to the first one that must be left. It never throws for what a line holds. */
  sealLines(lines: LinesToSeal): SealedLines;
  /**
   * Checks lines in their order, up to the first one that is not right, or not the record with the next seq: of an object,
   * or of a line that was wrapped as text.
   */
  checkRecords(lines: RecordsToCheck): CheckedRecords;
}

/** The longest suffix of a record: our member with its numbers, `auth`, the closing braces and LF. */
export const SUFFIX_ROOM = 256;

/** The length of a leaf hash. */
export const LEAF_BYTES = 32;
