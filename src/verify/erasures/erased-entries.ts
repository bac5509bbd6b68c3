import type { Erasure } from '../../format/erasure.ts';
import type { Findings, Place } from '../model/findings.ts';

/** The erased records of one stream, and those that should be (spec/erasure.md, 2). */

/** So many are listed in a report. */
const LISTED = 1_000;

/** One erased record, as a report lists it. */
export interface ErasedRecord {
  readonly seq: number;
  readonly reason: string;
  readonly who: string;
  /** UTC, as who erased it says. */
  readonly time: string;
}

/** What was erased from a stream. */
export interface ErasedReport {
  /** How many records are erased, recorded or not. */
  readonly records: number;
  /** The most that follow one another; entries between them that are no records do not count. */
  readonly longestRun: number;
  /** The first thousand of those that an erasure log records. */
  readonly list: readonly ErasedRecord[];
  /** Entries that are recorded as erased and have their content, with its commitment; absent where there are none. */
  readonly standing?: readonly { readonly seq: number; readonly commit: string }[];
}

/** What is recorded of one stream. */
export interface RecordedErasures {
  readonly erasures: readonly Erasure[];
  /** Whether what is not recorded was not erased by any of the logs' writers. */
  readonly whole: boolean;
}

/** Whose erased records these are, and what the auditor says of erasures. */
export interface ErasuresOfAuditor {
  /** The stream is an erasure log, in which nothing may be erased (R1.4). */
  readonly isLog: boolean;
  /** Undefined where no erasure log is named. */
  readonly recorded: RecordedErasures | undefined;
  /** So many erased records are accepted (R2.4). */
  readonly accepted: number;
}

/** Without a policy. */
export const NO_ERASURES: ErasuresOfAuditor = { isLog: false, recorded: undefined, accepted: Number.POSITIVE_INFINITY };

/** Where an entry stands, how many records came before it, and where findings go. */
interface Found {
  readonly recordsBefore: number;
  readonly findings: Findings;
  readonly place: Place;
}

/** What is said of an erased record that is recorded. */
export const erasedMessage = ({ erased: { seq }, who, time, reason }: Erasure): string =>
  `entry ${seq} was erased by ${who} at ${time}: ${reason}`;

/** Nothing else writes what is known of erased records. */
export class ErasedEntries {
  readonly #auditor: ErasuresOfAuditor;
  readonly #list: ErasedRecord[] = [];
  readonly #standing = new Map<number, string>();
  readonly #recorded = new Map<number, Erasure[]>();
  /** Their seqs, ascending. */
  readonly #seqs: readonly number[];
  #toCome = 0;
  #records = 0;
  #run = { end: 0, length: 0 };
  #longestRun = 0;

  constructor(auditor: ErasuresOfAuditor) {
    this.#auditor = auditor;
    for (const erasure of auditor.recorded?.erasures ?? []) {
      const { seq } = erasure.erased;
      this.#recorded.set(seq, [...(this.#recorded.get(seq) ?? []), erasure]);
    }
    this.#seqs = [...this.#recorded.keys()].sort((a, b) => a - b);
  }

  /** The next entry from `seq` on of which an erasure is recorded: it is looked at by itself. */
  nextFrom(seq: number): number {
    while ((this.#seqs[this.#toCome] ?? seq) < seq) this.#toCome++;
    return this.#seqs[this.#toCome] ?? Number.MAX_SAFE_INTEGER;
  }

  /** The stream goes back to `size` entries. */
  goBack(size: number): void {
    this.#toCome = 0;
    this.nextFrom(size + 1);
  }

  /** R2.1: an erased record. */
  erased(seq: number, commit: string, { findings, place, recordsBefore }: Found): void {
    this.#count(recordsBefore);
    const { isLog, accepted } = this.#auditor;
    if (isLog) {
      findings.add('ERASURES_ERASED', place, `entry ${seq} was erased, and this is an erasure log`);
      return;
    }
    const erasure = this.#recordedOf(seq).find(({ erased }) => erased.commit === commit);
    if (erasure === undefined) {
      this.#unrecorded(seq, findings, place);
      return;
    }
    const { reason, who, time } = erasure;
    if (this.#list.length < LISTED) this.#list.push({ seq, reason, who, time });
    const tooMany = this.#records > accepted ? 'undecided' : undefined;
    findings.add('ERASED', place, erasedMessage(erasure), tooMany);
  }

  /** R2.2, R2.3: an entry of which an erasure is recorded, and which is not erased; `commit` is that of its content. */
  stands(seq: number, commit: string | undefined, found: Found): boolean {
    const all = this.#recordedOf(seq);
    const [first] = all;
    if (first === undefined) return false;
    if (commit !== undefined && all.some(({ erased }) => erased.commit === commit)) {
      this.#standing.set(seq, commit);
      const message = `entry ${seq} is recorded as erased (by ${first.who} at ${first.time}), but its content is here`;
      found.findings.add('NOT_ERASED', found.place, message);
      return true;
    }
    this.#differs(seq, 'another entry stands there', found);
    return false;
  }

  /** R2.3: whether another record is recorded as erased in the place of this erased one. */
  beside(seq: number, commit: string, found: Found): void {
    const others = this.#recordedOf(seq).some(({ erased }) => erased.commit !== commit);
    if (others) this.#differs(seq, 'another record was erased there', found);
  }

  /** R2.3: the log has ended at `lastSeq`, and begins at `firstSeq`. */
  end(firstSeq: number, lastSeq: number, findings: Findings): void {
    const above = this.#seqs.find((seq) => seq > lastSeq);
    if (above !== undefined && firstSeq > 0)
      this.#differs(above, `this log ends with entry ${lastSeq}`, { findings, place: { seq: above } });
  }

  /** Absent where nothing is erased. */
  get report(): ErasedReport | undefined {
    const standing = [...this.#standing].map(([seq, commit]) => ({ seq, commit }));
    if (this.#records === 0 && standing.length === 0) return undefined;
    return {
      records: this.#records,
      longestRun: this.#longestRun,
      list: this.#list,
      ...(standing.length > 0 && { standing }),
    };
  }

  #recordedOf(seq: number): readonly Erasure[] {
    return this.#recorded.get(seq) ?? [];
  }

  #unrecorded(seq: number, findings: Findings, place: Place): void {
    if (this.#auditor.recorded?.whole === true) {
      const message = `entry ${seq} was erased, and no erasure log records it: either somebody else erased it, or the erasure log is older than this file`;
      findings.add('ERASED_UNRECORDED', place, message);
      return;
    }
    const why =
      this.#auditor.recorded === undefined
        ? 'your policy names no erasure log'
        : 'not all of the erasure logs could be verified';
    findings.add('ERASED_UNPROVEN', place, `entry ${seq} was erased, and nothing shows by whom: ${why}`);
  }

  #differs(seq: number, why: string, { findings, place }: Pick<Found, 'findings' | 'place'>): void {
    const message = `an erasure log records that entry ${seq} of this stream was erased, but ${why}: these files are older than the erasure log, another log had this name, or this one was cut off or begun anew`;
    findings.add('ERASURE_DIFFERS', place, message);
  }

  #count(recordsBefore: number): void {
    this.#records++;
    const goesOn = this.#run.end === recordsBefore;
    this.#run = { end: recordsBefore + 1, length: goesOn ? this.#run.length + 1 : 1 };
    this.#longestRun = Math.max(this.#longestRun, this.#run.length);
  }
}
