import type { Digest } from './hash.ts';
import { hashNode } from './tree.ts';

/** A complete subtree of 2^`height` leaves. */
export interface Subtree {
  readonly height: number;
  readonly root: Digest;
}

/** The largest complete subtrees over consecutive leaves that begin anywhere in a tree (RFC 9162 section 2.1). */
export class SubtreeBuilder {
  readonly #subtrees: Subtree[] = [];
  #size: number;

  /** Begins after `size` leaves of the whole tree. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds the 2^`height` leaves of a complete subtree by its root; the size must be a multiple of their number. */
  append({ height, root }: Subtree): void {
    let whole = root;
    let level = height;
    for (let rest = this.#size / 2 ** height; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#subtrees.at(-1);
      if (left?.height !== level) break; // it begins before the first leaf here
      this.#subtrees.pop();
      whole = hashNode(left.root, whole);
      level++;
    }
    this.#subtrees.push({ height: level, root: whole });
    this.#size += 2 ** height;
  }

  /** The subtrees, in the order of their leaves. */
  get subtrees(): readonly Subtree[] {
    return this.#subtrees;
  }
}
