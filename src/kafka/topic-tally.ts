import type { LossEvent } from './stream-event.ts';

/** What a topic holds besides the streams that were named. */

/** So many names and gaps are kept. */
const KEPT = 100;

/** Counted while a topic is read, and saved with the offsets. */
export interface TopicTally {
  /** Records whose key names a stream that the auditor did not name. */
  readonly leftOut: number;
  /** The first such names. */
  readonly leftOutOrigins: readonly string[];
  /** Records whose key is no name of a stream, or absent. */
  readonly keyless: number;
  /** Where the first of them is. */
  readonly firstKeyless?: { readonly partition: number; readonly offset: number };
  /** Offsets that are not there: the first ones that were missed. */
  readonly losses: readonly LossEvent[];
  /** Partitions that did not begin at offset 0 at the first look, and where they began. */
  readonly begun?: readonly (readonly [partition: number, offset: number])[];
  /** More streams were there than are told apart. */
  readonly tooManyStreams: boolean;
}

/** Nothing yet. */
const EMPTY_TALLY: TopicTally = {
  leftOut: 0,
  leftOutOrigins: [],
  keyless: 0,
  losses: [],
  tooManyStreams: false,
};

/** The tally of a topic while it is read. */
export class TallyCounter {
  #tally: TopicTally = EMPTY_TALLY;
  #leftOut = 0;
  #keyless = 0;
  readonly #origins = new Set<string>();

  restore(tally: TopicTally): void {
    this.#tally = tally;
    this.#leftOut = tally.leftOut;
    this.#keyless = tally.keyless;
    for (const origin of tally.leftOutOrigins) this.#origins.add(origin);
  }

  /** At the first look these partitions had lost their beginnings. */
  begin(begun: readonly (readonly [partition: number, offset: number])[]): void {
    if (begun.length > 0) this.#tally = { ...this.#tally, begun };
  }

  /** A record of a stream that nobody named. */
  leaveOut(origin: string): void {
    this.#leftOut++;
    if (this.#origins.size < KEPT) this.#origins.add(origin);
  }

  /** A record that says of no stream. */
  keyless(partition: number, offset: number): void {
    if (this.#keyless++ === 0) this.#tally = { ...this.#tally, firstKeyless: { partition, offset } };
  }

  lose(event: LossEvent): void {
    const { losses } = this.#tally;
    if (losses.length < KEPT) this.#tally = { ...this.#tally, losses: [...losses, event] };
  }

  tooManyStreams(): void {
    this.#tally = { ...this.#tally, tooManyStreams: true };
  }

  get tally(): TopicTally {
    return {
      ...this.#tally,
      leftOut: this.#leftOut,
      leftOutOrigins: [...this.#origins],
      keyless: this.#keyless,
    };
  }
}
