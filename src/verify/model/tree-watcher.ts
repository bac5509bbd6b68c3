import type { Digest } from '../../core/hash.ts';

/** Watches the tree of a stream as it grows, leaf by leaf. */
export interface TreeWatcher {
  /** The entry `seq` is about to be added to the tree of `seq` - 1 leaves that has this frontier. */
  grow(seq: number, subtrees: readonly Digest[], leaf: Digest): void;
  /** The tree goes back to `size` leaves (M8.26). */
  rewind(size: number): void;
  /** What was added so far is no part of the tree that is built from here on. */
  lose(): void;
}
