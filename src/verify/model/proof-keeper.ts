import type { Digest } from '../../core/hash.ts';
import type { NoteSignature, SignedCheckpoint } from '../../format/checkpoint.ts';
import type { SealedSize } from './tree-history.ts';
import type { TreeWatcher } from './tree-watcher.ts';

/** What a checkpoint in the log counts for. */
export interface CountedNote {
  readonly checkpoint: SignedCheckpoint;
  /** The lines of keys that the auditor named and that anybody can check. */
  readonly signatures: readonly NoteSignature[];
  /** The cosignatures of named witnesses, also those of a checkpoint of the same text that the auditor holds. */
  readonly cosignatures: readonly { readonly witness: string; readonly line: NoteSignature }[];
}

/** What is demanded of witnesses: whether these are enough. */
export type IsEnough = (witnesses: Pick<ReadonlySet<string>, 'has'>) => boolean;

/** Keeps what proves one entry while its stream is verified. */
export interface ProofKeeper extends TreeWatcher {
  /** A seal or close was accepted: its line, and the frontier before it. */
  seal(line: Buffer, sealed: SealedSize, before: readonly Digest[]): void;
  /** A checkpoint of this seal was accepted. `isEnough` is what the auditor demands. */
  noted(sealed: SealedSize, note: CountedNote, isEnough: IsEnough): void;
}
