/**
 * How much a log may make one reading keep and do. Lines are read in constant memory and in time that grows with their
 * bytes alone; whatever else a line could cost is taken from here (docs/decisions/limits.md).
 */
export const LIMITS: Readonly<Record<Limited, number>> = {
  /** Streams that are told apart in one mixed file. */
  streams: 4_096,
  /** Key periods that opens and key entries name. */
  epochs: 16_384,
  /** Bytes of the key references that they are named with. */
  keyBytes: 32 * 2 ** 20,
  /** Signers in those references, each time they stand there. */
  signers: 32_768,
  /** Opens that go back below what was read. */
  abandonments: 4_096,
  /** Leaf hashes that are computed again to go back. */
  rewoundLeaves: 2 ** 20,
  /** Leaf hashes that may be kept, over all streams that are read at a time. */
  leaves: 2 ** 21,
  /** Signatures by keys that the auditor does not name and no checked MAC vouches for. */
  strangersSignatures: 4_096,
  /** Signatures of known keys that turn out wrong. */
  wrongSignatures: 100,
  /** Calls to a key service that failed. */
  serviceFailures: 16,
  /** Data keys of the log that a key service would not open. */
  refusedKeys: 100,
  /** Signers of the log that a key service would not confirm. */
  refusedSigners: 4_096,
  /** Key periods looked at again because another signature came. */
  settling: 2 ** 22,
};

/** What a log may use up. */
export type Limited =
  | 'streams'
  | 'epochs'
  | 'keyBytes'
  | 'signers'
  | 'abandonments'
  | 'rewoundLeaves'
  | 'leaves'
  | 'strangersSignatures'
  | 'wrongSignatures'
  | 'serviceFailures'
  | 'refusedKeys'
  | 'refusedSigners'
  | 'settling';

/** What is left of {@link LIMITS}. Streams that are read side by side share one. */
export class Allowance {
  readonly #left: Record<Limited, number>;
  readonly #within: Allowance | undefined;

  /**
   * @param other - for a reader with another room
   * @param within - what is taken here is taken there too
   */
  constructor(other: Partial<Record<Limited, number>> = {}, within?: Allowance) {
    this.#left = { ...LIMITS, ...other };
    this.#within = within;
  }

  /** Takes `count` of what is left; false, and nothing is taken, where so much is not. */
  take(what: Limited, count = 1): boolean {
    if (this.#left[what] < count) return false;
    if (this.#within?.take(what, count) === false) return false;
    this.#left[what] -= count;
    return true;
  }

  /** How much is left. */
  left(what: Limited): number {
    return this.#left[what];
  }
}
