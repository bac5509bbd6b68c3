import type { QuotedLine } from './quoted-line.ts';

/** What a verifier can find (spec 8, last table), and the list that it keeps. */

/** How severe a finding is: 1 tampered, 2 undecided; a warning does not change the verdict. */
export type Severity = 'tampered' | 'undecided' | 'warning';

/** A finding that is tampering. */
export type TamperedCode =
  | 'FOREIGN_LINE'
  | 'FOREIGN_TAG'
  | 'ENTRIES_MISSING'
  | 'OUT_OF_ORDER'
  | 'DUPLICATE_ENTRY'
  | 'FORK'
  | 'AUTH_WRONG'
  | 'CHECKSUM_WRONG'
  | 'CONTROL_MALFORMED'
  | 'KEY_ID_WRONG'
  | 'MODE_WRONG'
  | 'MODE_CHANGE'
  | 'EPOCH_REUSED'
  | 'OPEN_MISSING'
  | 'OPEN_CONTRADICTS'
  | 'SEAL_MISSING'
  | 'STEP_WRONG'
  | 'COUNT_WRONG'
  | 'ORIGIN_WRONG'
  | 'NOTE_MALFORMED'
  | 'SIGNATURE_WRONG'
  | 'ROOT_MISMATCH'
  | 'CHECKPOINT_UNSIGNED'
  | 'CHECKPOINT_EARLY'
  | 'CHECKPOINT_NOT_A_SEAL'
  | 'FINGERPRINT_ALTERED'
  | 'ADOPTED_UNMARKED'
  | 'KNOWN_CONTRADICTED'
  | 'LINK_CONTRADICTED'
  | 'MANIFEST_WRONG'
  | 'RECORDS_FLOOR'
  | 'ERASED_UNRECORDED'
  | 'ERASURES_ERASED';

/** A finding that leaves the log undecided. */
export type UndecidedCode =
  | 'FILES_MISSING'
  | 'START_UNPROVEN'
  | 'END_UNPROVEN'
  | 'NOT_SEALED'
  | 'UNSIGNED'
  | 'UNWITNESSED'
  | 'NO_KEY'
  | 'WRONG_KEY'
  | 'KEY_NOT_NAMED'
  | 'UNVOUCHED'
  | 'ADOPTED'
  | 'ABANDONED_UNPROVEN'
  | 'ERASED_UNPROVEN'
  | 'NOT_ERASED'
  | 'ERASURE_DIFFERS'
  | 'ERASURE_MALFORMED'
  | 'CADENCE'
  | 'TIMESTAMP_EARLY'
  | 'UNSUPPORTED'
  | 'TORN_TAIL'
  | 'LINE_ENDINGS_CONVERTED'
  | 'ENCODING_CONVERTED'
  | 'RESERIALIZED'
  | 'GZIP_TRAILING'
  | 'UNREADABLE'
  | 'LIMIT'
  | 'KEY_SERVICE';

/** A finding that leaves the verdict as it is, unless a policy says otherwise. */
export type WarningCode =
  | 'FIRST_RUN_TRUSTS_KEY'
  | 'START_HELD'
  | 'RESTART'
  | 'RESTART_TRUSTS_KEY'
  | 'DROPPED'
  | 'ABANDONED'
  | 'CLOCK_BACK'
  | 'EMPTY_FILE'
  | 'EARLIER_COPY'
  | 'LONG_LINE'
  | 'UNSEALED_TAIL'
  | 'ERASED';

/** A code of a finding. */
export type FindingCode = TamperedCode | UndecidedCode | WarningCode;

/** Every finding code with its severity (spec 8). */
export const FINDING_SEVERITY: Readonly<Record<FindingCode, Severity>> = {
  FOREIGN_LINE: 'tampered',
  FOREIGN_TAG: 'tampered',
  ENTRIES_MISSING: 'tampered',
  OUT_OF_ORDER: 'tampered',
  DUPLICATE_ENTRY: 'tampered',
  FORK: 'tampered',
  AUTH_WRONG: 'tampered',
  CHECKSUM_WRONG: 'tampered',
  CONTROL_MALFORMED: 'tampered',
  KEY_ID_WRONG: 'tampered',
  MODE_WRONG: 'tampered',
  MODE_CHANGE: 'tampered',
  EPOCH_REUSED: 'tampered',
  OPEN_MISSING: 'tampered',
  OPEN_CONTRADICTS: 'tampered',
  SEAL_MISSING: 'tampered',
  STEP_WRONG: 'tampered',
  COUNT_WRONG: 'tampered',
  ORIGIN_WRONG: 'tampered',
  NOTE_MALFORMED: 'tampered',
  SIGNATURE_WRONG: 'tampered',
  ROOT_MISMATCH: 'tampered',
  CHECKPOINT_UNSIGNED: 'tampered',
  CHECKPOINT_EARLY: 'tampered',
  CHECKPOINT_NOT_A_SEAL: 'tampered',
  FINGERPRINT_ALTERED: 'tampered',
  ADOPTED_UNMARKED: 'tampered',
  KNOWN_CONTRADICTED: 'tampered',
  LINK_CONTRADICTED: 'tampered',
  MANIFEST_WRONG: 'tampered',
  RECORDS_FLOOR: 'tampered',
  ERASED_UNRECORDED: 'tampered',
  ERASURES_ERASED: 'tampered',
  FILES_MISSING: 'undecided',
  START_UNPROVEN: 'undecided',
  END_UNPROVEN: 'undecided',
  NOT_SEALED: 'undecided',
  UNSIGNED: 'undecided',
  UNWITNESSED: 'undecided',
  NO_KEY: 'undecided',
  WRONG_KEY: 'undecided',
  KEY_NOT_NAMED: 'undecided',
  UNVOUCHED: 'undecided',
  ADOPTED: 'undecided',
  ABANDONED_UNPROVEN: 'undecided',
  ERASED_UNPROVEN: 'undecided',
  NOT_ERASED: 'undecided',
  ERASURE_DIFFERS: 'undecided',
  ERASURE_MALFORMED: 'undecided',
  CADENCE: 'undecided',
  TIMESTAMP_EARLY: 'undecided',
  UNSUPPORTED: 'undecided',
  TORN_TAIL: 'undecided',
  LINE_ENDINGS_CONVERTED: 'undecided',
  ENCODING_CONVERTED: 'undecided',
  RESERIALIZED: 'undecided',
  GZIP_TRAILING: 'undecided',
  UNREADABLE: 'undecided',
  LIMIT: 'undecided',
  KEY_SERVICE: 'undecided',
  FIRST_RUN_TRUSTS_KEY: 'warning',
  START_HELD: 'warning',
  RESTART: 'warning',
  RESTART_TRUSTS_KEY: 'warning',
  DROPPED: 'warning',
  ABANDONED: 'warning',
  CLOCK_BACK: 'warning',
  EMPTY_FILE: 'warning',
  EARLIER_COPY: 'warning',
  LONG_LINE: 'warning',
  UNSEALED_TAIL: 'warning',
  ERASED: 'warning',
};

/** Where a finding is. Members that do not apply are absent. */
export interface Place {
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** Bytes from the start of the (decompressed) file; of a topic of Kafka the record's offset. */
  readonly offset?: number;
  /** The first seq that the finding is about. */
  readonly seq?: number;
  /** The last seq, if it is about a range. */
  readonly lastSeq?: number;
  /** Where the entry at fault is not known: it is one of these, as narrow as the checkpoints allow. */
  readonly within?: { readonly firstSeq: number; readonly lastSeq: number };
  /** UTC, by the writer's clock: when the last open, seal or close before this place was written. */
  readonly previousSealTime?: string;
  /** The same of the first seal or close after it. */
  readonly nextSealTime?: string;
  /** The line at that place, where lines are asked for. */
  readonly quoted?: QuotedLine;
}

/** One thing that was found. */
export interface Finding extends Place {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** One sentence in plain words. It contains nothing raw from the file. */
  readonly message: string;
}

/** How many findings of one code are kept; more are only counted. */
const KEPT_PER_CODE = 100;
/** How many characters of a message are kept; what a log says may be longer. */
const MESSAGE_LENGTH = 4_096;

/** Room for findings beyond the first of each code, over all streams of one report. */
export class FindingRoom {
  #left: number;

  constructor(findings = 10_000) {
    this.#left = findings;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}

/** What {@link Findings} held at some time. */
export interface FindingsMark {
  readonly kept: number;
  readonly counts: ReadonlyMap<FindingCode, number>;
  readonly keptOf: ReadonlyMap<FindingCode, number>;
  readonly tampered: boolean;
  readonly undecided: boolean;
}

/** The findings of one stream, in the order of their places. Bounded: a log of a million bad lines gives a short list. */
export class Findings {
  readonly #room: FindingRoom;
  readonly #kept: Finding[] = [];
  readonly #counts = new Map<FindingCode, number>();
  readonly #keptOf = new Map<FindingCode, number>();
  #damaged = false;
  /** Which of those kept may follow from others. */
  #following = new Set<number>();
  /** How many of those kept know of the next seal, if it has come. */
  #beforeSeal = 0;
  #tampered = false;
  #undecided = false;
  #total = 0;
  readonly #onFinding: ((finding: Finding) => void) | undefined;

  /** @param onFinding - is told of each finding that is kept, as it was found */
  constructor(room: FindingRoom = new FindingRoom(), onFinding?: (finding: Finding) => void) {
    this.#room = room;
    this.#onFinding = onFinding;
  }

  /** Adds a finding; `severity` is given only where a policy raises it. */
  add(code: FindingCode, place: Place, message: string, severity: Severity = FINDING_SEVERITY[code]): void {
    this.#total++;
    if (this.#damaged && severity === 'tampered') return;
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    this.#tampered ||= severity === 'tampered';
    this.#undecided ||= severity === 'undecided';
    const kept = this.#keptOf.get(code) ?? 0;
    if (kept >= KEPT_PER_CODE || (kept > 0 && !this.#room.take())) return;
    this.#keptOf.set(code, kept + 1);
    const finding = { code, severity, ...place, message: clipped(message) };
    this.#kept.push(finding);
    this.#onFinding?.(finding);
  }

  /**
   * Adds a finding that may follow from another one: it is told only where nothing is found that explains it. The verdict does
   * not depend on that.
   */
  addFollowing(code: FindingCode, place: Place, message: string): void {
    const kept = this.#kept.length;
    this.add(code, place, message);
    if (this.#kept.length > kept) this.#following.add(kept);
  }

  /** What was found up to now. */
  mark(): FindingsMark {
    const { tampered, undecided } = this;
    const counts = new Map(this.#counts);
    return { kept: this.#kept.length, counts, keptOf: new Map(this.#keptOf), tampered, undecided };
  }

  /**
   * What was read since then was damaged: what was found in it is taken back, or, where it can be read, what of it was tampering.
   * Nothing that comes shows that somebody changed the log (M8.22, M8.33), but for what was known `before`.
   */
  takeBack(mark: FindingsMark, before: () => void, isReadable = false): void {
    const following = this.following;
    const isKept = ({ severity }: Finding): boolean => isReadable && severity !== 'tampered';
    this.#kept.push(...this.#kept.splice(mark.kept).filter(isKept));
    this.#following = new Set([...this.#kept.keys()].filter((at) => following.has(this.#kept[at] as Finding)));
    this.#beforeSeal = Math.min(this.#beforeSeal, mark.kept);
    for (const [code, count] of this.#counts) {
      if (isReadable && FINDING_SEVERITY[code] !== 'tampered') continue;
      const was = Math.min(count, mark.counts.get(code) ?? 0); // less where some was taken back since
      this.#counts.set(code, was);
      this.#keptOf.set(code, Math.min(this.#keptOf.get(code) ?? 0, mark.keptOf.get(code) ?? 0));
    }
    this.#tampered &&= mark.tampered;
    this.#undecided &&= isReadable || mark.undecided;
    before();
    this.#damaged = true;
  }

  /** A seal or close of this time: the first one after what was found since the last. */
  passSeal(time: string): void {
    for (; this.#beforeSeal < this.#kept.length; this.#beforeSeal++) {
      const finding = this.#kept[this.#beforeSeal];
      if (finding?.previousSealTime === undefined || finding.nextSealTime !== undefined) continue;
      this.#kept[this.#beforeSeal] = { ...finding, nextSealTime: time };
    }
  }

  /** How often a code was found, whether kept or only counted. */
  count(code: FindingCode): number {
    return this.#counts.get(code) ?? 0;
  }

  /** How many were found of every code, those included that were taken back or say nothing of a damaged log: it only grows. */
  get total(): number {
    return this.#total;
  }

  get tampered(): boolean {
    return this.#tampered;
  }

  get undecided(): boolean {
    return this.#undecided;
  }

  /** Findings that were counted and not kept, by code. */
  get more(): Record<string, number> {
    const more: Record<string, number> = {};
    for (const [code, count] of this.#counts) {
      const rest = count - (this.#keptOf.get(code) ?? 0);
      if (rest > 0) more[code] = rest;
    }
    return more;
  }

  /** Those that may follow from others. */
  get following(): ReadonlySet<Finding> {
    return new Set([...this.#following].map((at) => this.#kept[at] as Finding));
  }

  /** The findings in the order of their seq; those without one last. */
  list(): Finding[] {
    const rank = (finding: Finding): number => finding.seq ?? Number.MAX_SAFE_INTEGER;
    return [...this.#kept].sort((a, b) => rank(a) - rank(b));
  }
}

function clipped(message: string): string {
  return message.length <= MESSAGE_LENGTH ? message : `${message.slice(0, MESSAGE_LENGTH)}…`;
}
