import { hasOurIntegrity, isUnfinished, tracesIn } from '../../format/foreign-line.ts';
import { MENTIONING } from '../input/peek.ts';
import type { Place } from '../model/findings.ts';
import type { StreamState } from '../state/state.ts';

/** Lines of a file before the first one of ours. */
interface Unclassified {
  readonly first: Place;
  count: number;
  /** How many of them their carrier did not write so. */
  uncarried: number;
  mention: boolean;
  allOurs: boolean;
}

const UNFINISHED =
  'the last line of this file was begun and never finished, as a crash leaves one; what came behind it may be missing';

/** Lines that are none of ours, and what they tell of honest damage (spec 8.10, M8.22). */
export class ForeignLines {
  readonly #state: StreamState;
  /** The foreign line directly before the line in hand. */
  #previous: Place | undefined;
  /** That line begins as ours do, and is not finished. */
  #isUnfinished = false;
  /** That line is the last one of its file. */
  #endsFile = false;
  /** Whether a line of this file was one of ours. */
  #classified = false;
  #unclassified: Unclassified | undefined;
  /** Whether a line of this file was a checkpoint. */
  #noted = false;

  constructor(state: StreamState) {
    this.#state = state;
  }

  beginFile(): void {
    this.#classified = false;
    this.#unclassified = undefined;
    this.#noted = false;
  }

  get pending(): boolean {
    return this.#previous !== undefined || this.#unclassified !== undefined;
  }

  /** A line that classifies as nothing of ours. */
  add(line: Buffer): void {
    const unclassified = this.#add();
    // of several before the first of ours nobody asks
    this.#isUnfinished = (unclassified === undefined || unclassified.count === 1) && isUnfinished(line);
    if (unclassified === undefined) return;
    unclassified.mention ||= tracesIn(line).mention;
    unclassified.allOurs &&= hasOurIntegrity(line);
    this.#state.file.seemRewritten(unclassified.allOurs);
  }

  /** A line that its carrier did not write so. */
  addUncarried(line: Buffer): void {
    const unclassified = this.#add();
    if (unclassified === undefined) return;
    unclassified.uncarried++;
    unclassified.mention ||= line.includes('integrity'); // its quotes may be escaped
    unclassified.allOurs = false;
  }

  /** Another line; what is known of those before the first one of ours, if it is one of them. */
  #add(): Unclassified | undefined {
    this.#report();
    this.#isUnfinished = false;
    this.#endsFile = false;
    if (this.#classified) {
      this.#previous = this.#state.foundHere();
      return undefined;
    }
    this.#unclassified ??= { first: this.#state.foundHere(), count: 0, uncarried: 0, mention: false, allOurs: true };
    this.#unclassified.count++;
    return this.#unclassified;
  }

  /** A checkpoint comes. A tool that sorts members leaves it as it is, so the lines before it may be entries all the same. */
  beforeCheckpoint(): void {
    if (this.#classified || this.#unclassified?.allOurs === false) this.before(false);
    else this.#report();
    this.#noted = true;
  }

  /** An entry comes; `recovered`: it is an open after a crash, which explains one torn line before it. */
  before(recovered: boolean): void {
    this.#classified = true;
    if (this.#unclassified !== undefined) {
      const { first, count } = this.#unclassified;
      this.#unclassified = undefined;
      if (count === 1) this.#previous = first;
      else
        this.#foreign(
          first,
          `${count === 1 ? '1 line before the first entry of this file does' : `${count} lines before the first entry of this file do`} not belong to this log`,
        );
    }
    if (recovered) this.#torn('a line that a crash cut short comes before the restart; what it said is lost');
    this.#report();
  }

  /** The file ends with bytes without LF: no entry, whatever they are, but they may begin the open that explains a torn line. */
  unterminated(bytes: number): void {
    if (bytes === 1 && this.#unclassified?.mention === true) return; // half of the last LF, in UTF-16
    this.#torn('this line may be what a crash left of one; the line behind it, which would tell, is cut');
    this.#report();
    this.#previous = this.#state.here();
    this.#state.file.endUnterminated(bytes);
  }

  /**
   * The file ends.
   *
   * @param isStray - nobody named it, and no manifest is beside it: it may be none of the log
   * @returns whether all of it is ours, but not as it was sealed: its entries cannot be read
   */
  endFile(isStray: boolean): 'rewritten' | undefined {
    const unclassified = this.#unclassified;
    this.#endsFile = this.#previous !== undefined;
    if (unclassified === undefined) return undefined;
    this.#unclassified = undefined;
    const { first, count, uncarried, mention, allOurs } = unclassified;
    const { findings } = this.#state;
    if (uncarried === count) {
      findings.add(
        'NOT_SEALED',
        first,
        `${count === 1 ? 'the only line of this file is not' : `none of the ${count} lines of this file is`} in the form that the carrier (unwrap) writes`,
      );
    } else if (this.#noted && this.#isUnfinished && count === 1) {
      this.#previous = first; // the next file may explain it
      this.#endsFile = true;
    } else if (this.#noted && !allOurs) {
      this.#foreign(
        first,
        `${count === 1 ? '1 line of this file does' : `${count} lines of this file do`} not belong to this log`,
      );
    } else if (allOurs || (mention && !isStray)) {
      const message = allOurs
        ? `${count === 1 ? 'the only line was' : `all ${count} lines were`} parsed and rewritten by some tool; the bytes are no longer those that were sealed`
        : MENTIONING.message;
      findings.add('RESERIALIZED', first, message);
      return 'rewritten';
    } else {
      findings.add(
        'NOT_SEALED',
        first,
        `${count === 1 ? 'the only line of this file was never' : `none of the ${count} lines of this file was ever`} sealed`,
      );
    }
    return undefined;
  }

  /** The log ends. */
  end(): void {
    const torn = this.#state.file.unterminatedBytes > 0;
    if (torn && this.#previous !== undefined) {
      const isAll = this.#previous.line === 1 && this.#state.order.next === 0;
      const lost = isAll ? 'it is cut, or no log' : 'what it said is lost';
      const unread = this.#state.coverage.unread ? 'the rest could not be read' : lost;
      const rest = this.#state.coverage.mayHold('the rest') ?? unread;
      const message = `the log ends inside a line (${this.#state.file.unterminatedBytes} bytes); ${rest}`;
      if (!this.#state.auditor.live) this.#state.findings.add('TORN_TAIL', this.#previous, message);
      this.#previous = undefined;
    }
    this.#report();
  }

  /** The whole line before this one is explained; bytes without LF explain themselves. */
  #torn(message: string): void {
    if (this.#previous === undefined || this.#state.file.unterminatedBytes > 0) return;
    this.#state.findings.add('TORN_TAIL', this.#previous, message);
    this.#previous = undefined;
  }

  /** What stands before another line, and was not explained. */
  #report(): void {
    if (this.#previous === undefined) return;
    if (this.#state.file.unterminatedBytes > 0) {
      const lost = 'what it said is lost, or stands in the copy that this one was cut from';
      const rest = this.#state.coverage.mayHold('the rest') ?? lost;
      this.#state.findings.add('TORN_TAIL', this.#previous, `this file ends inside a line; ${rest}`);
    } else if (this.#isUnfinished && this.#endsFile) this.#state.findings.add('TORN_TAIL', this.#previous, UNFINISHED);
    else this.#foreign(this.#previous, 'this line was never sealed, but is among sealed ones');
    this.#previous = undefined;
    this.#state.file.explainUnterminated();
  }

  #foreign(place: Place, message: string): void {
    this.#state.findings.add('FOREIGN_LINE', { ...place, seq: Math.max(this.#state.order.next, 1) }, message);
  }
}
