import { type Digest, sha256 } from './hash.ts';

/**
 * The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256, as far as a writer or a streaming reader
 * needs it: the right edge only.
 */

const LEAF = 0x00;
const NODE = 0x01;
const nodeInput = Buffer.allocUnsafeSlow(65).fill(NODE, 0, 1);

/** The root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Digest = sha256('');

/** Leaf hash = SHA-256(0x00 ‖ leaf bytes) (M1.2). */
export function hashLeaf(leaf: Uint8Array): Digest {
  const input = Buffer.allocUnsafe(leaf.length + 1);
  input[0] = LEAF;
  input.set(leaf, 1);
  return sha256(input);
}

/**
 * Leaf hash of `bytes[start, end)` without a copy: the byte before the leaf is 0x00 for the moment of the call, so
 * `start` is at least 1.
 */
export function hashLeafInPlace(bytes: Buffer, start: number, end: number): Digest {
  const before = bytes[start - 1];
  if (before === undefined) throw new RangeError('a leaf that is hashed in place has a byte before it');
  bytes[start - 1] = LEAF;
  // a Uint8Array is made in half the time of a Buffer's subarray
  const digest = sha256(new Uint8Array(bytes.buffer, bytes.byteOffset + start - 1, end - start + 1));
  bytes[start - 1] = before;
  return digest;
}

/** Node hash = SHA-256(0x01 ‖ left ‖ right). */
export function hashNode(left: Digest, right: Digest): Digest {
  nodeInput.write(left, 1, 32, 'latin1');
  nodeInput.write(right, 33, 32, 'latin1');
  return sha256(nodeInput);
}

/** How many subtrees a frontier has at most: a tree has at most 2^53 - 1 leaves. */
export const MAX_SUBTREES = 53;

/** How many subtrees the frontier of a tree of `size` leaves has: the number of one bits. */
export function frontierLength(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest & 1;
  return count;
}

/** The right edge of a growing tree: the roots of its complete subtrees, largest first. Appending is amortised O(1). */
export class Frontier {
  #size: number;
  readonly #subtrees: Digest[];

  /** An empty tree, or the tree of `size` leaves with the frontier `subtrees`. */
  constructor(size = 0, subtrees: readonly Digest[] = []) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('a tree size is a whole number from 0 to 2^53-1');
    if (subtrees.length !== frontierLength(size)) {
      throw new RangeError(`a tree of ${size} leaves has ${frontierLength(size)} subtrees, not ${subtrees.length}`);
    }
    this.#size = size;
    this.#subtrees = [...subtrees];
  }

  /** The number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** The roots of the complete subtrees, largest first. */
  get subtrees(): readonly Digest[] {
    return this.#subtrees;
  }

  /** Adds a leaf by its hash. */
  append(leaf: Digest): void {
    let digest = leaf;
    for (let rest = this.#size; rest & 1; rest = (rest - 1) / 2) {
      digest = hashNode(this.#subtrees.pop() as Digest, digest); // the constructor holds the length
    }
    this.#subtrees.push(digest);
    this.#size++;
  }

  /** Adds the 2^`height` leaves of a complete subtree by its root; the size must be a multiple of their number. */
  appendSubtree(height: number, root: Digest): void {
    const leaves = 2 ** height;
    if (this.#size % leaves !== 0) throw new RangeError(`no subtree of ${leaves} leaves begins after ${this.#size}`);
    let digest = root;
    for (let rest = this.#size / leaves; rest % 2 === 1; rest = (rest - 1) / 2) {
      digest = hashNode(this.#subtrees.pop() as Digest, digest); // the constructor holds the length
    }
    this.#subtrees.push(digest);
    this.#size += leaves;
  }

  /** So many leaves were added elsewhere; `subtree` gives the roots of the complete subtrees then, largest first. */
  advance(leaves: number, subtree: (at: number) => Digest): void {
    this.#size += leaves;
    this.#subtrees.length = 0;
    for (let at = 0, length = frontierLength(this.#size); at < length; at++) this.#subtrees.push(subtree(at));
  }

  /** The root of the whole tree. */
  root(): Digest {
    let digest = this.#subtrees.at(-1);
    if (digest === undefined) return EMPTY_ROOT;
    for (let at = this.#subtrees.length - 2; at >= 0; at--) digest = hashNode(this.#subtrees[at] as Digest, digest);
    return digest;
  }

  /** An independent copy. */
  clone(): Frontier {
    return new Frontier(this.#size, this.#subtrees);
  }
}
