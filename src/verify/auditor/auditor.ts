import type { Checkpoint, SignedCheckpoint } from '../../format/checkpoint.ts';
import type { WitnessKey } from '../../format/cosignature.ts';
import type { Signer } from '../../format/key-reference.ts';
import type { NoteKey } from '../../format/vkey.ts';
import type { DataKeyFinder } from '../data-keys/named-data-keys.ts';
import type { ErasuresOfAuditor } from '../erasures/erased-entries.ts';
import type { Quorum } from './quorum.ts';
import type { ReadingObserver } from './reading-observer.ts';

/** What the auditor brings for one stream. Nothing of it comes from the log (spec 8.1). */

/** A public key that the auditor names, for checkpoints of sizes in a range. */
export interface NamedPublicKey {
  readonly key: NoteKey;
  /** The key counts for checkpoints of at least this size; the log must reach it, and the key sign from there on (M8.21). */
  readonly fromSeq: number;
  /** The key counts for checkpoints of at most this size. */
  readonly untilSeq: number;
  /** Where the auditor has it from, for the report. */
  readonly givenBy?: string | undefined;
}

/** Witnesses whose cosignatures the auditor demands, for the streams that they are named for. */
export interface Witnessing {
  /** No two of them have one key. */
  readonly witnesses: readonly WitnessKey[];
  /** Enough of them must have cosigned the end of the log (M8.29). */
  readonly quorum: Quorum;
}

/** What a policy may demand of every key period. */
export const DEMANDS = ['mac', 'signature', 'post-quantum'] as const;

/** One of {@link DEMANDS}. */
export type Demand = (typeof DEMANDS)[number];

/** A checkpoint with a valid time stamp (RFC 3161): this tree existed at that time. Nothing says that it is the log's. */
export interface StampedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly time: Date;
  /** Who stamped it. */
  readonly authority: string;
  /** When the authority's certificate ends. */
  readonly validUntil: Date;
}

/** A policy's limits on what is otherwise only reported. */
export interface Acceptance {
  /** Entries that may stay adopted. */
  readonly adopted: number;
  /** Entries that a shipped copy may hold beyond a crash. */
  readonly abandoned: number;
  /** Lines that a writer may report as dropped. */
  readonly dropped: number;
  /** Longest pause before a recovered run, in seconds. */
  readonly recoveryGapSeconds: number;
  /** Whether a run may start under nothing but a data key that the auditor named. */
  readonly restarts: 'keyed' | 'vouched';
  /** Whether the signers of a vouched key period count as named from there on. */
  readonly successors: boolean;
  /** Erased records that an erasure log records (R2.4). */
  readonly erased: number;
}

/** Without a policy: what a crash or a busy writer leaves is reported, adopted entries are undecided. */
export const DEFAULT_ACCEPTANCE: Acceptance = {
  adopted: 0,
  abandoned: Number.POSITIVE_INFINITY,
  dropped: Number.POSITIVE_INFINITY,
  recoveryGapSeconds: Number.POSITIVE_INFINITY,
  restarts: 'keyed',
  successors: false,
  erased: Number.POSITIVE_INFINITY,
};

/** A file that is not among those that are read, and may hold entries of any stream (M8.5). */
export interface Elsewhere {
  readonly file: string;
  readonly why: 'not read' | 'not unpacked';
}

/** Everything that the verdict on one stream rests on. */
export interface Auditor {
  readonly origin: string;
  /** What may hold what is held and not here (M8.5). */
  readonly elsewhere?: Elsewhere | undefined;
  readonly publicKeys: readonly NamedPublicKey[];
  /** Public keys that the auditor named for other streams: they count for nothing here. */
  readonly namedElsewhere?: readonly { readonly name: string; readonly key: NoteKey }[];
  /** Undefined where no witness is named: then nothing of cosignatures is asked or said. */
  readonly witnessing?: Witnessing | undefined;
  /** Checkpoints that a time-stamp authority of the auditor's has stamped. */
  readonly stamped?: readonly StampedCheckpoint[] | undefined;
  /** Checkpoints that the auditor already holds, trusted as held. */
  readonly held: readonly SignedCheckpoint[];
  /**
   * The data key of a key period, if the auditor's own side names its identity; undefined where it names no such key.
   * The caller erases it. A failing key service throws.
   */
  readonly dataKey: DataKeyFinder;
  /** The first seqs of the data keys that the policy names: the log must reach them (spec 8.9). */
  readonly dataKeysFrom: readonly number[];
  /**
   * Whether the auditor's own key service says that this is one of the keys that the auditor names. Undefined where no
   * service is configured. A failing key service throws.
   */
  readonly confirmSigner: ((signer: Signer) => Promise<boolean>) | undefined;
  /** Whether that service has a signing key that the auditor names, so that a log without it is unsigned (M8.14). */
  readonly signerNamed?: boolean;
  /** Checks the signature of a named key that only its key service can check. Undefined where no service is configured. */
  readonly verifyOnline: ((signer: Signer, text: Uint8Array, signature: Uint8Array) => Promise<boolean>) | undefined;
  /** The log is still being written: the end is the newest sealed entry (spec 8.9). */
  readonly live: boolean;
  readonly now: Date;
  /** The log must be sealed up to this time; undefined where it must be closed, or live. */
  readonly until: Date | undefined;
  /** One closed file is checked by itself (spec 8.2). */
  readonly part: boolean;
  /** The log must be there from its first entry on. */
  readonly wholeRequired: boolean;
  /** The weakest records that are allowed. */
  readonly recordsFloor: 'mac' | 'hash';
  /** Every closed file must have its manifest. */
  readonly manifestRequired: boolean;
  /** What every key period must have been checked by, besides what the log itself promises. */
  readonly require: readonly Demand[];
  /**
   * From this size on a signature counts only where it is one of ML-DSA (M8.30); undefined where every signature of a named
   * key counts.
   */
  readonly postQuantumFrom: number | undefined;
  readonly accept: Acceptance;
  /** What the erasure logs of the policy record of this stream. */
  readonly erasures?: ErasuresOfAuditor | undefined;
  readonly observer?: ReadingObserver | undefined;
  /** The log was once seen from this entry on (M8.27); undefined if that is not known. */
  readonly seenFrom?: number | undefined;
}
