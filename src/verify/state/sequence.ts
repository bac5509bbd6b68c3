import type { Digest } from '../../core/hash.ts';
import { entriesText } from '../model/entries-text.ts';
import type { Findings, Place } from '../model/findings.ts';
import type { TreeHistory } from '../model/tree-history.ts';
import type { Order } from './order.ts';

/** So many lines after a jump may still bring the entry that is missing (spec 8.11). */
const LOOK_AHEAD = 1000;

interface Hole {
  readonly expected: number;
  readonly seen: number;
  readonly place: Place;
  /** The line, counted by the tracker, by which it must have come. */
  readonly deadline: number;
  /** An entry of it came late: reported as out of order, once. */
  filled: boolean;
}

/** What the tracker needs of its stream. */
export interface TrackedStream {
  readonly order: Order;
  readonly tree: TreeHistory;
  readonly findings: Findings;
  /** The place of the line in hand, for a finding. */
  foundHere(seq?: number): Place;
}

/** Tells missing entries from entries out of their order and from entries that stand twice (spec 8.11, M8.24). */
export class SequenceTracker {
  readonly #state: TrackedStream;
  /** In the order of their seqs, so that a late one is found without looking at each. */
  readonly #holes: Hole[] = [];
  #lines = 0;
  #repeated: { from: number; to: number; place: Place; code: 'DUPLICATE_ENTRY' | 'OUT_OF_ORDER' } | undefined;

  constructor(state: TrackedStream) {
    this.#state = state;
  }

  /** Whether an entry is missing whose place in the file is not decided yet. */
  get open(): boolean {
    return this.#holes.length > 0 || this.#repeated !== undefined;
  }

  /** An entry whose seq is too high: what it jumps over is missing, or comes late. */
  jump(seq: number): void {
    const { next } = this.#state.order;
    this.#holes.push({
      expected: next,
      seen: seq,
      place: this.#state.foundHere(next),
      deadline: this.#lines + LOOK_AHEAD,
      filled: false,
    });
    this.#state.order.breakOff('missing entries');
  }

  /** An entry whose seq has passed. */
  late(seq: number, leaf: Digest): void {
    const hole = this.#holeOf(seq);
    if (hole !== undefined) {
      if (hole.filled) return;
      hole.filled = true;
      const { expected, seen, place } = hole;
      const message = `entry ${seen} comes before entry ${seq}: entries are not in the order in which they were sealed`;
      this.#state.findings.add('OUT_OF_ORDER', { ...place, seq: expected, lastSeq: seen }, message);
      return;
    }
    const code = this.#state.tree.sawLeaf(seq, leaf) ? 'DUPLICATE_ENTRY' : 'OUT_OF_ORDER';
    const last = this.#repeated;
    if (last?.code === code && seq === last.to + 1) {
      last.to = seq;
      return;
    }
    this.flushRepeated();
    this.#repeated = { from: seq, to: seq, place: this.#state.foundHere(seq), code };
  }

  /** A line has passed. */
  tick(): void {
    this.flushRepeated();
    this.#lines++;
    while ((this.#holes[0]?.deadline ?? Number.POSITIVE_INFINITY) <= this.#lines) {
      this.#report(this.#holes.shift() as Hole);
    }
  }

  /** Nothing more comes. */
  end(): void {
    this.flushRepeated();
    for (const hole of this.#holes.splice(0)) this.#report(hole);
  }

  flushRepeated(): void {
    const repeated = this.#repeated;
    if (repeated === undefined) return;
    this.#repeated = undefined;
    const { from, to, place, code } = repeated;
    const range = entriesText(from, to);
    const message =
      code === 'DUPLICATE_ENTRY'
        ? `${range}: already stands earlier in the log`
        : `${range}: comes after entry ${this.#state.order.next - 1}, and differs from what was there before`;
    this.#state.findings.add(code, { ...place, seq: from, lastSeq: to }, message);
  }

  #holeOf(seq: number): Hole | undefined {
    let [low, high] = [0, this.#holes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#holes[middle] as Hole).expected <= seq) low = middle + 1;
      else high = middle;
    }
    const hole = this.#holes[low - 1];
    return hole !== undefined && seq < hole.seen ? hole : undefined;
  }

  #report({ expected, seen, place, filled }: Hole): void {
    if (filled) return;
    const missing = seen - expected;
    const range = missing === 1 ? `entry ${expected} is` : `entries ${expected} to ${seen - 1} are`;
    this.#state.findings.add('ENTRIES_MISSING', { ...place, lastSeq: seen - 1 }, `${range} missing`);
  }
}
