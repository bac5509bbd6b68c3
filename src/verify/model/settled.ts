import type { Epoch, SignerId } from './epoch.ts';

/** The checkpoints that one key signed. */
export interface SignedSize {
  /** Largest size that the key signed within the range it is named for; 0 if none. */
  readonly namedMax: number;
  /** Largest size that the key signed at all. */
  readonly max: number;
}

/** What is known of the stream's signers once some of its first key periods have been settled. */
export interface Proven {
  /** Signers of vouched key periods. */
  readonly signers: ReadonlySet<SignerId>;
  /** Keys that were handed over to another. */
  readonly retired: ReadonlySet<SignerId>;
}

/** Settles the status of a key period. `covered` is the largest size that a named key signed within its range. */
type Judge = (epoch: Epoch, proven: readonly Proven[], covered: number) => void;

const nobody = () => ({ signers: new Set<SignerId>(), retired: new Set<SignerId>() });

/**
 * The leading key periods that are vouched and whose signers are proven. As signatures come they stay so: only an adoption
 * or a writer that went back changes that, and then there is a new one of these.
 */
export class Settled {
  readonly #adoptions: number;
  readonly #proven = nobody();
  #count = 0;
  /** The last of them. */
  #newest: Epoch | undefined;
  /** What the key periods were settled for. */
  #epochs = 0;
  #last: Epoch | undefined;
  #heldConfirmed = 0;
  /** The largest size that a named key signed within its range; undefined where it is to be computed. */
  #covered: number | undefined;
  /** Larger than any size that would change one of the other key periods. */
  #threshold = 0;
  /** A key's signatures have grown below that. */
  #stale = false;

  constructor(adoptions: number) {
    this.#adoptions = adoptions;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether these are still the leading key periods, and no other run adopted entries. */
  stands(epochs: readonly Epoch[], adoptions: number): boolean {
    return (this.#count === 0 || epochs[this.#count - 1] === this.#newest) && this.#adoptions === adoptions;
  }

  /** Whether settling again would change nothing. */
  isCurrent(epochs: readonly Epoch[], heldConfirmed: number): boolean {
    const same = this.#epochs === epochs.length && this.#last === epochs.at(-1);
    return same && this.#heldConfirmed === heldConfirmed && !this.#stale;
  }

  /** How many key periods would be settled again, and keys looked at for it. */
  pending(epochs: readonly Epoch[], signers: number): number {
    return epochs.length - this.#count + (this.#covered === undefined ? signers : 0);
  }

  /** A key signed another checkpoint. `named`: it counts for that size. */
  sign(before: SignedSize, now: SignedSize, named: boolean): void {
    const grew = (from: number, to: number): boolean => to > from && from < this.#threshold;
    this.#stale ||= grew(before.max, now.max) || grew(before.namedMax, now.namedMax);
    if (named && this.#covered !== undefined) this.#covered = Math.max(this.#covered, now.namedMax);
  }

  /** Settles the status of every other key period, in their order. */
  settle(epochs: readonly Epoch[], heldConfirmed: number, largestNamed: () => number, judge: Judge): void {
    const covered = this.#covered ?? largestNamed();
    let proven = this.#proven;
    let leading = true;
    this.#covered = covered;
    this.#threshold = 0;
    for (const epoch of epochs.slice(this.#count)) {
      judge(epoch, [this.#proven, proven], covered);
      // what a run took over stays as it is: nothing that comes says whose its signers are
      if (leading && (epoch.signersProven || (epoch.status === 'vouched' && epoch.takenOver !== undefined))) {
        this.#count++;
        this.#newest = epoch;
      } else {
        if (leading) proven = nobody();
        leading = false;
        this.#threshold = Math.max(this.#threshold, epoch.introducedAt, epoch.handOverSeal ?? 0);
      }
      for (const id of epoch.predecessor?.signers.keys() ?? []) if (!epoch.signers.has(id)) proven.retired.add(id);
      if (epoch.signersProven) for (const id of epoch.signers.keys()) proven.signers.add(id);
    }
    this.#epochs = epochs.length;
    this.#last = epochs.at(-1);
    this.#heldConfirmed = heldConfirmed;
    this.#stale = false;
  }
}
