import type { Digest } from '../../core/hash.ts';
import type { SealedSize } from './tree-history.ts';
import type { TreeWatcher } from './tree-watcher.ts';

/** Keeps what proves one entry while its stream is verified. */
export interface ProofKeeper extends TreeWatcher {
  /** A seal or close was accepted: its line, and the frontier before it. */
  seal(line: Buffer, sealed: SealedSize, before: readonly Digest[]): void;
  /** The checkpoint of this seal is signed by a key that the auditor named and that anybody can check. */
  signed(note: string, sealed: SealedSize): void;
}
