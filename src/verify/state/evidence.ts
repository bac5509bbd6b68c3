import type { NoteSignature, SignedCheckpoint } from '../../format/checkpoint.ts';
import type { Epoch, SignerId } from '../model/epoch.ts';
import type { SignedSize } from '../model/settled.ts';

/** A checkpoint line that verified, with the key period of its seal. */
export interface CheckpointNote {
  readonly size: number;
  /** The signed note. */
  readonly note: string;
  readonly epoch: Epoch | undefined;
}

/** By what a checkpoint verified: a named key's signature, or our MAC. */
export type NoteKind = 'bySignature' | 'byMac';

/** The first and the newest checkpoint that verified by one kind of evidence. */
interface VerifiedNotes {
  readonly first: CheckpointNote;
  readonly newest: CheckpointNote;
}

/** A size whose tree, as it was computed here, has a time stamp. */
export interface DatedSize {
  readonly size: number;
  readonly time: Date;
  readonly authority: string;
  readonly validUntil: Date;
}

/** A cosignature that verified. */
export interface GoodCosignature {
  /** The hex of the witness's public key. */
  readonly witness: string;
  /** In seconds since 1970. */
  readonly time: bigint;
  readonly line: NoteSignature;
}

/** The largest checkpoint that a witness cosigned. */
export interface CosignedSize {
  readonly size: number;
  /** When the witness made the cosignature, the earliest of this size, in seconds since 1970. */
  readonly time: bigint;
  /** The note that carries it, where that verified by something else too, and by what. */
  readonly proving?: (CheckpointNote & { readonly kind: NoteKind }) | undefined;
}

/**
 * Where a range begins in the middle, a checkpoint held of all that was before it is the last word on the key period there
 * (M8.4, M8.14): a range that keeps neither its signatures nor its MACs was not written by who wrote what was before.
 */
export interface HeldBefore {
  /** A key that the auditor named signed it. */
  readonly signed: boolean;
  /** It carries our MAC, whoever can check it. */
  readonly mac: boolean;
}

const NOTHING_BEFORE: HeldBefore = { signed: false, mac: false };
const UNSIGNED: SignedSize = { max: 0, namedMax: 0 };

/** What has been shown of a range so far, up to which size, and by what (spec 8.4 to 8.6). It is written only here. */
export class Evidence {
  #signed = new Map<SignerId, SignedSize>();
  #largestSigned = 0;
  #largestNamed = 0;
  #verifiedSize = 0;
  #namedSize = 0;
  #notes: { readonly [kind in NoteKind]?: VerifiedNotes } = {};
  #cosigned = new Map<string, CosignedSize>();
  #dated: DatedSize[] = [];
  #heldConfirmed = 0;
  #lastUnchecked = 0;
  #startProven = false;
  #before = NOTHING_BEFORE;
  readonly #heldCosigned = new Map<SignedCheckpoint, readonly GoodCosignature[]>();

  /** The keys that signed something. */
  get signers(): readonly SignerId[] {
    return [...this.#signed.keys()];
  }

  get signerCount(): number {
    return this.#signed.size;
  }

  /** Largest size that a named key signed within its range. */
  get largestNamed(): number {
    return this.#largestNamed;
  }

  /** Largest size with a checkpoint signed by a named key of its key period. */
  get namedSize(): number {
    return this.#namedSize;
  }

  /** The checkpoints that verified. */
  get notes(): { readonly [kind in NoteKind]?: VerifiedNotes } {
    return this.#notes;
  }

  /** What the named witnesses cosigned, by the hex of their public keys. */
  get cosigned(): ReadonlyMap<string, CosignedSize> {
    return this.#cosigned;
  }

  /** Largest held size whose root was computed here. */
  get heldConfirmed(): number {
    return this.#heldConfirmed;
  }

  /** Nothing is abandoned below this size: a checkpoint of it was signed, verified, or is held (M8.26). */
  get settledSize(): number {
    return Math.max(this.#verifiedSize, this.#heldConfirmed, this.#largestSigned);
  }

  /** Last seq whose MAC was not checked: everything after it was. */
  get lastUnchecked(): number {
    return this.#lastUnchecked;
  }

  /** A range that begins in the middle is proven by a held checkpoint; a range from seq 1 needs no proof. */
  get startProven(): boolean {
    return this.#startProven;
  }

  /** What a checkpoint held of all that was before the range shows. */
  get before(): HeldBefore {
    return this.#before;
  }

  /** The cosignatures of a checkpoint that the auditor holds, checked before the first line. */
  cosignaturesOf(held: SignedCheckpoint): readonly GoodCosignature[] {
    return this.#heldCosigned.get(held) ?? [];
  }

  /** What a key signed. */
  signedBy(id: SignerId): SignedSize {
    return this.#signed.get(id) ?? UNSIGNED;
  }

  /** A key signed a checkpoint of this size. `named`: it counts for that size. @returns what it signed up to now */
  sign(id: SignerId, size: number, named: boolean): SignedSize {
    const before = this.signedBy(id);
    const max = Math.max(before.max, size);
    const namedMax = named ? Math.max(before.namedMax, size) : before.namedMax;
    const now = { max, namedMax };
    this.#signed.set(id, now);
    this.#largestSigned = Math.max(this.#largestSigned, size);
    if (named) this.#largestNamed = Math.max(this.#largestNamed, size);
    return now;
  }

  /** The sizes that have time stamps, in their order. */
  get dated(): readonly DatedSize[] {
    return this.#dated;
  }

  /** The tree of this size has a time stamp. */
  date(dated: DatedSize): void {
    this.#dated = [...this.#dated.filter(({ size }) => size <= dated.size), dated];
  }

  /** Takes back the time stamps of this size that are from before a moment, in milliseconds since 1970. @returns those */
  undate(size: number, before: number): readonly DatedSize[] {
    const early = this.#dated.filter((one) => one.size === size && one.time.getTime() < before);
    this.#dated = this.#dated.filter((one) => !early.includes(one));
    return early;
  }

  /** A witness cosigned a checkpoint whose root is the one computed here. */
  cosign(witness: string, { size, time, proving }: CosignedSize): void {
    this.#largestSigned = Math.max(this.#largestSigned, size);
    const before = this.#cosigned.get(witness);
    if (before !== undefined && before.size > size) return;
    const same = before?.size === size ? before : undefined;
    const earliest = same !== undefined && same.time < time ? same.time : time;
    this.#cosigned.set(witness, { size, time: earliest, proving: proving ?? same?.proving });
  }

  /** A key signed a checkpoint of this size whose signatures the policy gives no weight (M8.30). */
  signWithoutWeight(size: number): void {
    this.#largestSigned = Math.max(this.#largestSigned, size);
  }

  /** A checkpoint line verified. */
  verify(note: CheckpointNote, kind: NoteKind): void {
    const { size } = note;
    if (kind === 'bySignature') this.#namedSize = Math.max(this.#namedSize, size);
    this.#verifiedSize = Math.max(this.#verifiedSize, size);
    const { first = note, newest = note } = this.#notes[kind] ?? {};
    // a signature that took its time stands behind checkpoints of more entries
    const smallest = size < first.size ? note : first;
    this.#notes = { ...this.#notes, [kind]: { first: smallest, newest: size >= newest.size ? note : newest } };
  }

  /** The root of a held checkpoint of this size is the one computed here. */
  confirmHeld(size: number): void {
    this.#heldConfirmed = size;
  }

  /** Before the first line: these cosignatures of a held checkpoint verified. */
  cosignHeld(held: SignedCheckpoint, good: readonly GoodCosignature[]): void {
    this.#heldCosigned.set(held, good);
  }

  /** The range begins in the middle, behind what these held checkpoints show. */
  follow(before: HeldBefore): void {
    this.#before = before;
  }

  proveStart(): void {
    this.#startProven = true;
  }

  /** The MAC of this entry was not checked. */
  leaveUnchecked(seq: number): void {
    this.#lastUnchecked = seq;
  }

  /** The writer went back to `size` entries, further than anything was verified or signed. */
  goBack(size: number): void {
    this.#lastUnchecked = Math.min(this.#lastUnchecked, size);
    this.#dated = this.#dated.filter((one) => one.size <= size);
  }

  /** Another range begins. */
  beginRange(): void {
    this.#signed = new Map();
    this.#largestSigned = 0;
    this.#largestNamed = 0;
    this.#verifiedSize = 0;
    this.#namedSize = 0;
    this.#notes = {};
    this.#cosigned = new Map();
    this.#dated = [];
    this.#heldConfirmed = 0;
    this.#lastUnchecked = 0;
    this.#startProven = false;
    this.#before = NOTHING_BEFORE;
  }
}
