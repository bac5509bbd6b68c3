import type { Readable } from 'node:stream';
import type { WitnessGroup } from '../../format/tlog-policy.ts';
import type { SigningKey } from '../../keys/provider.ts';
import type { StoredLogs } from '../../storage/stored-logs.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import type { NamedDataKeys } from '../data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../data-keys/recovered-data-keys.ts';
import type { Policy } from './policy.ts';
import type { ReadingObserver } from './reading-observer.ts';

/** A public key that the auditor names. */
export interface PublicKeyName {
  /**
   * `NAME+ID+KEY`, as keygen and the report print it (C2SP signed-note). Where NAME is one of several streams to verify, the
   * key counts for that stream alone.
   */
  readonly vkey: string;
  /** It counts for checkpoints of at least this size; the log must reach it, and the key sign from there on. Default 1. */
  readonly fromSeq?: number;
  /** It counts for checkpoints of at most this size. Default: any. */
  readonly untilSeq?: number;
  /** Where it comes from, for the report: `--public-key signer.pub`. */
  readonly givenBy?: string;
}

/** A checkpoint and its time stamp, verified (RFC 3161). */
export interface Timestamp {
  /** The signed note. */
  readonly note: string;
  /** When it was stamped, by the authority's clock. */
  readonly time: Date;
  /** The subject of the authority's certificate. */
  readonly authority: string;
  /** When that certificate ends. */
  readonly validUntil: Date;
}

/** What to verify, and what the verdict is based on. None of the latter comes from the log (spec 8.1). */
export interface VerifyOptions {
  /** Files and directories, compressed or not, in any order; `-` is `input`. */
  readonly paths: readonly string[];
  /** Objects of buckets, in addition to the paths. */
  readonly stored?: readonly StoredLogs[];
  /** The bytes behind the path `-`. */
  readonly input?: Readable;
  /**
   * What brought the log from a container's standard output and wrapped its lines: `docker` (json-file), `cri` (containerd,
   * CRI-O), `loki` (`logcli query --forward -o jsonl`) or `field:NAME`, the string member NAME of a JSON object a line. Files
   * are then read by one process, and have no manifests. Default: the files are as the writer wrote them.
   */
  readonly unwrap?: CarrierName;
  /** The streams to verify; a name that ends with `*` stands for every origin that begins with the rest of it. */
  readonly origin?: string | readonly string[];
  /**
   * A stream that a writer began in place of a named one (`rotate_chain`, `recover`, `on_state_conflict`), with an origin
   * `ORIGIN/<UTC time>-<8 hex>`, counts as named. Default false.
   */
  readonly continued?: boolean;
  /** The auditor's policy; it names the streams, so `origin` may be left out. */
  readonly policy?: Policy;
  /** Sources of data keys, with the keys that they may be asked for. */
  readonly dataKeys?: readonly NamedDataKeys[];
  /** Data keys that were recovered from their services before: none of these is asked for them. */
  readonly recoveredKeys?: readonly RecoveredDataKey[];
  readonly publicKeys?: readonly (string | PublicKeyName)[];
  /** Checkpoints that you hold, as signed notes. */
  readonly held?: readonly string[];
  /**
   * Verifier keys of witnesses (C2SP tlog-cosignature, type 0x04 or 0x06) that must have cosigned the end of the log. They count for
   * the streams for which the policy names none: a list of them, or groups, as `loadWitnesses` reads them. Default: none.
   */
  readonly witnesses?: readonly string[] | WitnessGroup;
  /** So many of the list `witnesses` must have cosigned. Default: all of them. Groups say so themselves. */
  readonly cosignatures?: number;
  /** Checkpoints with time stamps, as `loadTimestamp` gives them: when the log was there, and that it is still the same. */
  readonly timestamps?: readonly Timestamp[];
  /** Asks your key service whether a signer in the log is a key that you name. */
  readonly confirmSigner?: (signer: SigningKey) => Promise<boolean>;
  /**
   * Whether `confirmSigner` stands for a signing key that you name: a log of which it signs nothing is then `UNSIGNED`, as with
   * a public key (M8.14). Default false: it is asked only about signers that a log lists.
   */
  readonly signerNamed?: boolean;
  /** Asks the key service about a signature that only it can check. */
  readonly verifyOnline?: (signer: SigningKey, text: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** A file of known checkpoints: read at the beginning, updated after verdict ok. */
  readonly known?: string;
  /** Manifests to check in addition to those beside the files. */
  readonly manifests?: readonly string[];
  /** The log is still being written. Default false. */
  readonly live?: boolean;
  /** The time to use as now for a live log. Default: the clock. */
  readonly now?: Date;
  /** One closed file is checked by itself, against the checkpoint held before it. Default false. */
  readonly part?: boolean;
  /** The files contain lines of several streams, mixed. Default false. */
  readonly demux?: boolean;
  /** Warnings make the verdict undecided. Default false. */
  readonly strict?: boolean;
  /** Signers of vouched key periods count as named from there on. Default false. */
  readonly acceptSuccessors?: boolean;
  /** How many bytes a compressed file may expand to. Default 64 GiB. */
  readonly maxBytes?: number;
  /**
   * Number of extra worker processes, if above 1, that check the records of large uncompressed files. Default 1. No effect
   * in a bundle.
   */
  readonly jobs?: number;
  /** Findings quote the lines that they are about, which may be confidential and an attacker's. Default false. */
  readonly quoteLines?: boolean;
  /**
   * The report has the SHA-256 of each file's decompressed bytes, where this process reads them (not with `jobs`). Default
   * false.
   */
  readonly digestFiles?: boolean;
  /** Default: nobody is told. */
  readonly observer?: ReadingObserver;
  /** Called with how many bytes have been read, and of how many. */
  readonly onProgress?: (read: number, total: number) => void;
}
