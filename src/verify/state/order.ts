import type { CloseEntry } from '../../format/control.ts';
import type { Unproven } from '../model/taken-over.ts';

/** What the control entry before the present one was, as far as the order of entries depends on it. */
type Expectation =
  | { readonly what: 'any' }
  | { readonly what: 'seal'; readonly after: 'open' | 'key' } // the seal of a run's open or of a hand-over comes next
  | { readonly what: 'open'; readonly after: 'rotated' | 'shutdown' | 'continued' }; // only an open may follow a close

/** Why roots, frontiers, counts and the end say nothing any more (spec 8.11). */
type BreakReason =
  | 'missing entries'
  | 'a changed entry'
  | 'a malformed entry'
  | 'another epoch'
  | 'another root'
  | 'no frontier';

/** A close, as far as the end of the log depends on it. */
interface Closed {
  readonly why: CloseEntry['why'];
  readonly seq: number;
  readonly continuedBy: string | undefined;
}

const ANY: Expectation = { what: 'any' };

/** The order of a stream's entries: which comes next, and since when that is not known (spec 8.3, 8.11). It is written only here. */
export class Order {
  #earlierFirstSeq = 0;
  #firstSeq = 0;
  #next = 0;
  /** What {@link next} was as the present file began. */
  #fileNext = 0;
  #expected: Expectation = ANY;
  #closed: Closed | undefined;
  #isUnknown = false;
  #brokenBy: BreakReason | undefined;
  #head: { readonly missing: number; readonly from: number } | undefined;
  #startReported = false;
  readonly #unproven: Unproven[] = [];

  /** The seq of the range's first entry; 0 before it. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** The seq of the log's first entry, whatever is missing after it. */
  get logFirstSeq(): number {
    const both = [this.#earlierFirstSeq, this.#firstSeq].filter((seq) => seq > 0);
    return both.length === 0 ? 0 : Math.min(...both); // a crash may have gone back behind the first one
  }

  /** The seq that the next entry must have; 0 before the range's first. */
  get next(): number {
    return this.#next;
  }

  /** Whether no entry of the present file has been taken yet. */
  get atFileStart(): boolean {
    return this.#next === this.#fileNext;
  }

  get expected(): Expectation {
    return this.#expected;
  }

  /** The last entry, if it was a close. */
  get closed(): Closed | undefined {
    return this.#closed;
  }

  /** After an unknown kind: order, counts, steps and cadence are undecided until the next run. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /** Whether a hole or a bad leaf stands before: roots, frontiers, counts and the end are not reported again (spec 8.11). */
  get broken(): boolean {
    return this.#brokenBy !== undefined;
  }

  /** The range goes on, or began, without an open: the next one begins another range. */
  get isHeadless(): boolean {
    return this.#head !== undefined;
  }

  /** Whether it was reported, or need not be, that the range begins above entry 1. */
  get startReported(): boolean {
    return this.#startReported;
  }

  /** The unproven entries of the ranges before this one. */
  get unproven(): readonly Unproven[] {
    return this.#unproven;
  }

  beginFile(): void {
    this.#fileNext = this.#next;
  }

  /** The range begins with this entry. */
  begin(seq: number): void {
    this.#firstSeq = seq;
    this.#next = seq;
  }

  /** The range begins with this entry, which is not an open: that is reported. */
  beginWithoutOpen(seq: number): void {
    this.begin(seq);
    this.loseHead(seq, seq);
    this.#isUnknown = true;
    this.#startReported = true;
  }

  /** This entry is the next one here: entries before it may be missing. */
  reach(seq: number): void {
    if (seq !== this.#next) this.#expected = ANY;
    this.#next = seq;
  }

  /** The entries up to this one were taken; none of them is a close. */
  take(seq: number): void {
    this.#next = seq + 1;
    this.#closed = undefined;
  }

  /** The writer went back to `size` entries. */
  goBack(size: number): void {
    this.#next = size + 1;
    this.#fileNext = 0; // the open that says so stands in the present file, whose first entry may have a later seq
    this.#expected = ANY;
  }

  /** An open was taken; that of a run must be followed by its seal. */
  open(beginsRun: boolean): void {
    if (beginsRun) this.#isUnknown = false;
    this.#expected = beginsRun ? { what: 'seal', after: 'open' } : ANY;
  }

  /** A key entry was taken. */
  announce(): void {
    this.#expected = { what: 'seal', after: 'key' };
  }

  /** A close was taken. */
  close(seq: number, { why, continuedBy }: CloseEntry): void {
    this.#closed = { why, seq, continuedBy };
    this.#expected = { what: 'open', after: why };
  }

  /** What was expected has come, or is reported. @returns it */
  meet(): Expectation {
    const expected = this.#expected;
    this.#expected = ANY;
    return expected;
  }

  /** An entry was not understood. */
  lose(): void {
    this.#isUnknown = true;
    this.#expected = ANY;
  }

  /** An open shows which key period is in force. */
  resume(): void {
    this.#isUnknown = false;
  }

  /** From here on the range says nothing of roots, frontiers, counts and its end. The first reason counts. */
  breakOff(why: BreakReason): void {
    this.#brokenBy ??= why;
  }

  /** Entries on from `from` have no open before them; those from `missing` to there are not here. */
  loseHead(missing: number, from: number): void {
    this.#head ??= { missing, from };
  }

  /** Notes the unproven entries of the range, which ends before `end`: those behind its `proven` end, and those without an open. */
  noteUnproven(proven: number, end: number, lastUnchecked: number): void {
    const { missing, from } = this.#head ?? { missing: end, from: end };
    const add = (firstSeq: number, lastSeq: number, macChecked: boolean): void => {
      if (firstSeq <= lastSeq) this.#unproven.push({ firstSeq, lastSeq, macChecked });
    };
    const last = Math.min(missing, end) - 1;
    const unchecked = Math.min(lastUnchecked, last);
    add(Math.max(proven + 1, this.#firstSeq), unchecked, false);
    add(Math.max(proven, unchecked, this.#firstSeq - 1) + 1, last, true);
    add(from, end - 1, false);
  }

  /** Another range begins; `startReported`: that its beginning is missing need not be said. */
  beginRange(startReported: boolean): void {
    this.#earlierFirstSeq = this.logFirstSeq;
    this.#firstSeq = 0;
    this.#next = 0;
    this.#fileNext = 0;
    this.#expected = ANY;
    this.#closed = undefined;
    this.#isUnknown = false;
    this.#brokenBy = undefined;
    this.#head = undefined;
    this.#startReported = startReported;
  }
}
