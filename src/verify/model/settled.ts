import type { Epoch, SignerId } from './epoch.ts';

/** What is known of the stream's signers once some of its first key periods have been settled. */
export interface Proven {
  /** Signers of vouched key periods. */
  readonly signers: Set<SignerId>;
  /** Keys that were handed over to another. */
  readonly retired: Set<SignerId>;
}

/**
 * The leading key periods that are vouched and whose signers are proven. As signatures come they stay so: only an adoption
 * or a writer that went back changes that, and then there is a new one of these.
 */
export interface Settled {
  count: number;
  /** The last of them. */
  newest: Epoch | undefined;
  readonly proven: Proven;
  /** What the key periods were settled for. */
  epochs: number;
  last: Epoch | undefined;
  readonly adoptions: number;
  heldConfirmed: number;
  /** The largest size that a named key signed within its range; undefined where it is to be computed. */
  covered: number | undefined;
  /** Larger than any size that would change one of the other key periods. */
  threshold: number;
  /** A key's signatures have grown below that. */
  stale: boolean;
}

/** Nothing is settled yet. */
export function nothingSettled(adoptions: number): Settled {
  return {
    count: 0,
    newest: undefined,
    proven: { signers: new Set(), retired: new Set() },
    epochs: 0,
    last: undefined,
    adoptions,
    heldConfirmed: 0,
    covered: undefined,
    threshold: 0,
    stale: false,
  };
}
