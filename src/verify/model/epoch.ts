import type { KeySchedule } from '../../core/key-schedule.ts';
import type { KeyReference, Signer } from '../../format/key-reference.ts';
import { noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { encodeNoteKey } from '../../format/vkey.ts';
import type { KeyLimit } from '../data-keys/named-data-keys.ts';
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

/** A key period as the verifier sees it. */
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

  schedule: KeySchedule | undefined;
  keyState: KeyState = 'absent';
  /** Where the auditor has its data key from. */
  dataKeyFrom: string | undefined;
  /** Why its data key does not count, though the auditor holds it. */
  keyRefused: string | undefined;
  /** The last entry that its data key counts for, and why: those after it are as without a key (M8.1). */
  keyLimit: KeyLimit | undefined;
  /** What is said of a local key that the auditor named for it and that is not there. */
  keyMissing: string | undefined;
  /** UTC, by the writer's clock: the open or the seal that put it in force; undefined before that. */
  startTime: string | undefined;
  /** The same of the last open, seal or close under it. */
  endTime: string | undefined;
  /** Number of seals and closes passed under it, counted from what its open says. */
  step = 0;
  /** After a hole the step is unknown until an authenticated seal says it (spec 8.11). */
  stepKnown = true;
  /** Seq of the last entry whose MAC was wrong. */
  lastWrong = 0;
  /** Seq of its last seal or close. */
  lastSeal = 0;
  /** Last seq seen under it. */
  lastSeq = 0;
  /** Whether the MAC of its hand-over's seal was checked. */
  handOverMacChecked = false;
  /** Largest size under it whose checkpoint carries a valid MAC of ours. */
  macCheckpoint = 0;
  /** Whether it stands in a range that a later run adopted and whose MACs were not checked. */
  introducedInAdopted = false;
  /** Whether a named signer of its own had signed what introduces it before that run's open (M8.16). */
  signedBeforeAdopted = false;
  /** Whether every signer of it counted as named by then: it brings no stranger into the stream. */
  signersNamedBefore = false;
  /** Whether it stands in a range that a later run adopted, also where its MACs were checked. */
  takenOver = false;
  /** Whether something said whose its signers are before that run's open (M8.13). */
  signersSignedBefore = false;
  /** Places of MACs that did not verify while the key was unproven. */
  readonly doubtful: Place[] = [];
  /** A run's start in the middle of a stream that a held checkpoint proves together with its step (spec 8.2). */
  provenByHeld = false;
  /** The mode or the signers of the run before were given up without a hand-over (spec 5). */
  modeChanged = false;
  status: 'vouched' | 'keyed' | 'unvouched' = 'unvouched';
  /** Largest size that a named signer of it signed in its range, once a hole has ended that range. */
  coveredInRange: number | undefined;
  /** It is vouched, and not by a MAC alone where its predecessors had signers: its signers may follow them. */
  signersProven = false;

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
    return this.keyLimit === undefined || seq <= this.keyLimit.untilSeq;
  }

  /** Whether entries of this key period are checked by their MACs. */
  get macChecked(): boolean {
    return this.keyState === 'right' || this.keyState === 'altered-fingerprint';
  }
}
