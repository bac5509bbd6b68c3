import type { Digest } from '../../core/hash.ts';
import type { CloseEntry } from '../../format/control.ts';
import type { Sink } from '../disk/sink.ts';
import type { FileAccount } from '../disk/state-record.ts';
import type { Epoch, EpochSigner } from '../epoch/epoch.ts';

/** What a `close` says of its file, for the manifest. */
export interface ClosedFile {
  readonly why: CloseEntry['why'];
  /** When the first and the last record since the last `open` were taken, in milliseconds. */
  readonly times: { readonly first: number; readonly last: number } | undefined;
}

/** What the stream's writer knows at a seal or close entry, and what a checkpoint of it still needs. */
export interface SealJob {
  /** SEQ of the seal or close entry. */
  readonly size: number;
  readonly root: Digest;
  readonly frontier: readonly Digest[];
  /** Leaf hash of the seal or close entry. */
  readonly leaf: Digest;
  /** What is signed (spec 4). */
  readonly text: string;
  /** Our finished MAC as a signature line; absent where records carry checksums. */
  readonly macLine: string | undefined;
  readonly epoch: Epoch;
  /** Keys of the next key period that sign too, at a hand-over. */
  readonly coSigners: readonly EpochSigner[];
  /** The key period in force after the entry. */
  readonly next: { readonly epoch: Epoch; readonly epochSeq: number; readonly step: number };
  /** The sink that holds the entry. */
  readonly sink: Sink;
  /** The file that holds the entry, by the name that it has now, and the offset behind the entry. */
  readonly file: string;
  readonly offset: number;
  readonly account: FileAccount;
  /** The first of its run, or the last of its key period or file: a later one does not replace it. */
  readonly kept: boolean;
  /** `time` of the entry, in milliseconds. */
  readonly time: number;
  /** Set for the close of a file. */
  readonly closes: ClosedFile | undefined;
}

/** The stream whose seals are brought to checkpoints. */
export interface SealedStream {
  /** Resolves when the entries of the job are written and durable, and the state says so. */
  persist(job: SealJob): Promise<void>;
  /** Appends a checkpoint line. `full`: with everything that its key period promises. */
  publish(job: SealJob, note: string, full: boolean): void;
  /** The last checkpoint of a key period is without its own key's signature: the next key's covers its entries soon. */
  sealAnew(): void;
  /** No key period that is over waits any more for a key that may yet sign. */
  released(): void;
}
