import { KeySchedule } from '../../core/key-schedule.ts';
import type { KeyReference, Signer } from '../../format/key-reference.ts';
import { noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { encodeNoteKey } from '../../format/vkey.ts';
import type { FoundDataKey, KeyLimit } from '../data-keys/named-data-keys.ts';
import type { Place } from './findings.ts';

/** What the data key of a MAC epoch turned out to be. */
export type KeyState =
  | 'absent' // the auditor has none
  | 'unproven' // its fingerprint differs and no MAC has verified yet
  | 'right'
  | 'altered-fingerprint';

/** A run of the writer: from one open that starts a key period by itself to the next. */
export interface Run {
  readonly openSeq: number;
  readonly why: string;
  /** 1 for the first run in the range. */
  readonly index: number;
  /** What the report says of this start, unless a held checkpoint covers it. */
  readonly restart: { readonly place: Place; readonly message: string } | undefined;
}

/** The key that signs, as one string: type and key bytes, whatever its name. */
export type SignerId = string;

/** One string for a signer's key: its type and bytes are what counts (spec 8.6). */
function signerId(signer: Signer): SignerId {
  return encodeNoteKey(noteKeyOf(signer)).toString('latin1');
}

/** Who answers for a key period (spec 8.6). */
type VouchStatus = 'vouched' | 'keyed' | 'unvouched';

/** What came of looking for the data key of a key period. */
interface FoundKey {
  /** Where the auditor has it from. */
  readonly from?: string | undefined;
  /** The last entry that it counts for, and why: those after it are as without a key (M8.1). */
  readonly limit?: KeyLimit | undefined;
  /** Why it does not count, though the auditor holds it. */
  readonly refused?: string;
  /** What is said of a local key that the auditor named and that is not there. */
  readonly missing?: string;
}

/** At most this many places of MACs that did not verify are kept for a key that may be another one. */
export const KEPT_DOUBTS = 100;

/** A key period as the verifier sees it. What becomes of it is written only here. */
export class Epoch {
  readonly number: number;
  readonly kid: string;
  readonly reference: KeyReference;
  /** The seq of the entry that introduces it: a run's open, or a key entry. */
  readonly introducedAt: number;
  readonly place: Place;
  /** First seq under it. */
  readonly firstSeq: number;
  readonly run: Run;
  /** The key period that handed over to this one; undefined where a run opens it by itself. */
  readonly predecessor: Epoch | undefined;
  /** The seal that ends the hand-over to this key period. */
  readonly handOverSeal: number | undefined;
  readonly signers: ReadonlyMap<SignerId, Signer>;

  /** The mode or the signers of the run before were given up without a hand-over (spec 5). */
  readonly modeChanged: boolean;

  #schedule: KeySchedule | undefined;
  #keyState: KeyState = 'absent';
  #dataKey: FoundKey = {};
  #step = 0;
  #stepKnown = true;
  /** Seq of the last entry whose MAC was wrong. */
  #lastWrong = 0;
  readonly #doubtful: Place[] = [];
  #startTime: string | undefined;
  #endTime: string | undefined;
  #lastSeal = 0;
  #lastSeq = 0;
  #macCheckpoint = 0;
  #handOverMacChecked = false;
  #takenOver: { readonly signersSigned: boolean } | undefined;
  #adopted: { readonly signedBefore: boolean; readonly signersNamed: boolean } | undefined;
  #provenByHeld = false;
  #status: VouchStatus = 'unvouched';
  #signersProven = false;
  #coveredInRange: number | undefined;

  constructor(start: {
    readonly number: number;
    readonly kid: string;
    readonly reference: KeyReference;
    readonly introducedAt: number;
    readonly firstSeq: number;
    readonly place: Place;
    readonly run: Run;
    readonly predecessor?: Epoch;
    readonly handOverSeal?: number;
    readonly modeChanged?: boolean;
  }) {
    this.number = start.number;
    this.kid = start.kid;
    this.reference = start.reference;
    this.introducedAt = start.introducedAt;
    this.firstSeq = start.firstSeq;
    this.place = start.place;
    this.run = start.run;
    this.predecessor = start.predecessor;
    this.handOverSeal = start.handOverSeal;
    this.modeChanged = start.modeChanged === true;
    this.signers = new Map(signersOf(start.reference).map((signer) => [signerId(signer), signer]));
  }

  get member(): 'mac' | 'hash' {
    return this.reference.records;
  }

  /** Whether each of its records has a salt, or was erased (M1.12). */
  get salted(): boolean {
    return this.reference.salted === true;
  }

  /** Whether the data key counts for this entry, where it is at hand. */
  keyCounts(seq: number): boolean {
    return this.#dataKey.limit === undefined || seq <= this.#dataKey.limit.untilSeq;
  }

  /** Whether entries of this key period are checked by their MACs. */
  get macChecked(): boolean {
    return this.#keyState === 'right' || this.#keyState === 'altered-fingerprint';
  }

  get schedule(): KeySchedule | undefined {
    return this.#schedule;
  }

  get keyState(): KeyState {
    return this.#keyState;
  }

  get dataKey(): FoundKey {
    return this.#dataKey;
  }

  /** Number of seals and closes passed under it, counted from what its open says. */
  get step(): number {
    return this.#step;
  }

  /** After a hole the step is unknown until an authenticated seal says it (spec 8.11). */
  get stepKnown(): boolean {
    return this.#stepKnown;
  }

  /** Places of MACs that did not verify while the key was unproven. */
  get doubtful(): readonly Place[] {
    return this.#doubtful;
  }

  /** UTC, by the writer's clock: the open or the seal that put it in force; undefined before that. */
  get startTime(): string | undefined {
    return this.#startTime;
  }

  /** The same of the last open, seal or close under it. */
  get endTime(): string | undefined {
    return this.#endTime;
  }

  /** Seq of its last seal or close. */
  get lastSeal(): number {
    return this.#lastSeal;
  }

  /** Last seq seen under it. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Largest size under it whose checkpoint carries a valid MAC of ours. */
  get macCheckpoint(): number {
    return this.#macCheckpoint;
  }

  /** Whether the MAC of its hand-over's seal was checked. */
  get handOverMacChecked(): boolean {
    return this.#handOverMacChecked;
  }

  /** It stands in a range that a later run adopted; `signersSigned`: something said whose its signers are before (M8.13). */
  get takenOver(): { readonly signersSigned: boolean } | undefined {
    return this.#takenOver;
  }

  /**
   * It stands in such a range whose MACs were not checked. `signedBefore`: a named signer of its own had signed what introduces it
   * (M8.16); `signersNamed`: every signer of it counted as named by then, so that it brings no stranger into the stream.
   */
  get adopted(): { readonly signedBefore: boolean; readonly signersNamed: boolean } | undefined {
    return this.#adopted;
  }

  /** A run's start in the middle of a stream that a held checkpoint proves together with its step (spec 8.2). */
  get provenByHeld(): boolean {
    return this.#provenByHeld;
  }

  get status(): VouchStatus {
    return this.#status;
  }

  /** It is vouched, and not by a MAC alone where its predecessors had signers: its signers may follow them. */
  get signersProven(): boolean {
    return this.#signersProven;
  }

  /** Largest size that a named signer of it signed in its range, once a hole has ended that range. */
  get coveredInRange(): number | undefined {
    return this.#coveredInRange;
  }

  /** The auditor's data key does not count for it, or is not there. */
  missKey(why: Pick<FoundKey, 'refused' | 'missing'>): void {
    this.#dataKey = { ...this.#dataKey, ...why };
  }

  /** The auditor has a data key for it. */
  takeKey({ material, givenBy, limit }: FoundDataKey, origin: string): void {
    const { reference } = this;
    if (reference.records !== 'mac') return;
    this.#dataKey = { from: givenBy, limit };
    this.#schedule = KeySchedule.derive(material, { nonce: reference.nonce, origin, epoch: this.number });
    this.#keyState = this.#schedule.fingerprint.equals(reference.fp) ? 'right' : 'unproven';
  }

  /** A MAC verified. @returns whether it shows that the fingerprint is not the one that was sealed */
  proveKey(): boolean {
    this.#stepKnown = true;
    if (this.#keyState !== 'unproven') return false;
    this.#keyState = 'altered-fingerprint';
    return true;
  }

  /** A MAC did not verify, and the key may be another one. */
  doubt(place: Place): void {
    if (this.#doubtful.length < KEPT_DOUBTS) this.#doubtful.push(place);
  }

  /** The MAC of this entry is wrong. @returns whether that of the entry before it was, too */
  fail(seq: number): boolean {
    const again = this.#lastWrong === seq - 1;
    this.#lastWrong = seq;
    return again;
  }

  /** Entries are missing, or were not understood: seals may be among them. */
  loseStep(): void {
    this.#stepKnown = false;
  }

  /** A seal says the step; `schedule` stands there, if the data key counts. */
  findStep(step: number, schedule?: KeySchedule): void {
    if (schedule !== undefined) {
      this.#schedule?.erase();
      this.#schedule = schedule;
    }
    this.#step = step;
    this.#stepKnown = true;
  }

  /** The range enters it in its middle, at the step that its open claims. */
  walkTo(step: number): void {
    this.#step = Math.max(step, 0);
    this.#schedule?.walkTo(step);
  }

  /** The seal of the hand-over puts it in force. */
  handOver(time: string, macChecked: boolean): void {
    this.#startTime = time;
    this.#handOverMacChecked = macChecked;
  }

  /** An open stands under it. */
  open(time: string): void {
    this.#startTime ??= time;
    this.#endTime = time;
  }

  /** A seal or close ends a step. */
  seal(seq: number, time: string): void {
    this.#lastSeal = seq;
    this.#endTime = time;
    this.#step++;
    this.#schedule?.advance();
  }

  /** The entries up to this one stand under it. */
  reach(seq: number): void {
    this.#lastSeq = seq;
  }

  /** A checkpoint of this size carries a valid MAC of ours. */
  noteMac(size: number): void {
    this.#macCheckpoint = Math.max(this.#macCheckpoint, size);
  }

  /** The writer went back to `size` entries; `last` is its last seal up to there. */
  goBack(size: number, last: { readonly seq: number; readonly time: string | undefined } | undefined): void {
    this.#lastSeq = Math.min(this.#lastSeq, size);
    this.#macCheckpoint = Math.min(this.#macCheckpoint, size);
    if (this.#lastSeal <= size) return;
    this.#lastSeal = last?.seq ?? 0;
    this.#endTime = last?.time ?? this.#startTime;
  }

  takeOver(signersSigned: boolean): void {
    this.#takenOver = { signersSigned };
  }

  adopt(signedBefore: boolean, signersNamed: boolean): void {
    this.#adopted = { signedBefore, signersNamed };
  }

  proveByHeld(): void {
    this.#provenByHeld = true;
  }

  settle(status: VouchStatus, signersProven: boolean): void {
    this.#status = status;
    this.#signersProven = signersProven;
  }

  /** A hole ends its range. */
  endRange(covered: number): void {
    this.#coveredInRange = covered;
  }
}
