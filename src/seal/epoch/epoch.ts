import { type Digest, digestText } from '../../core/hash.ts';
import type { RecordKey } from '../../core/hmac.ts';
import type { KeySchedule } from '../../core/key-schedule.ts';
import { formatSignatureLine } from '../../format/checkpoint.ts';
import type { AuthMember } from '../../format/entry.ts';
import type { KeyReference, Signer } from '../../format/key-reference.ts';
import { kidOf } from '../../format/origin.ts';
import { ratchetKeyId } from '../../format/vkey.ts';
import type { DataKey, Signing } from '../../keys/provider.ts';

/** A signer of a key period with the source that signs for it. */
export interface EpochSigner {
  readonly signer: Signer;
  readonly signing: Signing;
}

/** What an {@link Epoch} is made from. */
export interface EpochParts {
  readonly origin: string;
  readonly number: number;
  readonly reference: KeyReference;
  readonly signers: readonly EpochSigner[];
  /** Signs what all of them have signed (M4.11). */
  readonly note?: EpochSigner | undefined;
  /** Present where `reference.records` is `mac`. The epoch owns it. */
  readonly schedule?: KeySchedule;
  /** {@link DataKey.incarnation} of its data key. */
  readonly incarnation?: string | undefined;
}

/** One key period of one stream, as its writer holds it. */
export class Epoch {
  readonly origin: string;
  readonly number: number;
  readonly kid: string;
  readonly member: AuthMember;
  /** Whether each record gets a salt (M1.12). */
  readonly salted: boolean;
  readonly reference: KeyReference;
  readonly signers: readonly EpochSigner[];
  readonly note: EpochSigner | undefined;
  readonly incarnation: string | undefined;
  readonly #schedule: KeySchedule | undefined;
  readonly #macKeyId: Buffer | undefined;
  #step = 0;

  constructor(parts: EpochParts) {
    this.origin = parts.origin;
    this.number = parts.number;
    this.kid = kidOf(parts.origin, parts.number);
    this.reference = parts.reference;
    this.member = parts.reference.records;
    this.salted = parts.reference.salted === true;
    this.signers = parts.signers;
    this.note = parts.note;
    this.incarnation = parts.incarnation;
    this.#schedule = parts.schedule;
    this.#macKeyId = parts.schedule && ratchetKeyId(parts.origin, parts.schedule.fingerprint);
  }

  /** Number of seal and close entries of this key period before the next entry. */
  get step(): number {
    return this.#step;
  }

  /** The key of its records' MACs, until the step ends; undefined without a data key. */
  get recordKey(): RecordKey | undefined {
    return this.#schedule?.recordKey;
  }

  /** `auth` of an entry: 43 base64url characters (spec 1). */
  authenticate(leaf: Digest): string {
    return this.#schedule === undefined ? digestText(leaf) : this.#schedule.authenticate(leaf);
  }

  /** Our MAC over a checkpoint's text, as a signature line (spec 4). Public once computed; undefined without a data key. */
  macLine(text: string): string | undefined {
    if (this.#schedule === undefined || this.#macKeyId === undefined) return undefined;
    return formatSignatureLine(this.origin, this.#macKeyId, this.#schedule.macCheckpoint(Buffer.from(text, 'utf8')));
  }

  /** Ends a step: the keys under which everything so far was authenticated are overwritten (spec 3). */
  advance(): void {
    this.#schedule?.advance();
    this.#step++;
  }

  /** Overwrites the keys. */
  erase(): void {
    this.#schedule?.erase();
  }
}
