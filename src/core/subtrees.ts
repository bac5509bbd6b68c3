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

  /** Adds the next leaf by its hash. */
  append(leaf: Digest): void {
    let root = leaf;
    let height = 0;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#subtrees.at(-1);
      if (left?.height !== height) break; // it begins before the first leaf here
      this.#subtrees.pop();
      root = hashNode(left.root, root);
      height++;
    }
    this.#subtrees.push({ height, root });
    this.#size++;
  }

  /** The subtrees, in the order of their leaves. */
  get subtrees(): readonly Subtree[] {
    return this.#subtrees;
  }
}
