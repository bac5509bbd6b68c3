import { type Digest, digestBytes } from '../../core/hash.ts';
import type { Allowance } from './allowance.ts';

/** So many leaf hashes of a stream are kept, for duplicates and for tails that a crash abandoned. */
const KEPT_LEAVES = 1 << 17;
const FIRST_LEAVES = 1 << 5;
const LEAF = 32;

/** The newest leaf hashes of a stream, 32 bytes each, in memory that grows with them. */
export class LeafWindow {
  readonly #allowance: Allowance;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_LEAVES * LEAF);
  #capacity = FIRST_LEAVES;
  #first = 1;
  #last = 0;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Begins after `size` leaves that nobody has seen. */
  startAfter(size: number): void {
    this.#first = size + 1;
    this.#last = size;
  }

  append(seq: number, leaf: Digest): void {
    this.#follow(seq, 1);
    this.#bytes.write(leaf, (seq % this.#capacity) * LEAF, LEAF, 'latin1');
  }

  /** Consecutive leaves, from `firstSeq` on. */
  appendRun(firstSeq: number, leaves: Uint8Array): void {
    const count = leaves.length / LEAF;
    this.#follow(firstSeq, count);
    for (let at = Math.max(0, count - this.#capacity); at < count; ) {
      const slot = (firstSeq + at) % this.#capacity;
      const fit = Math.min(this.#capacity - slot, count - at);
      this.#bytes.set(leaves.subarray(at * LEAF, (at + fit) * LEAF), slot * LEAF);
      at += fit;
    }
  }

  /** Forgets the leaves after `size`. */
  cutTo(size: number): void {
    this.#last = size;
    this.#first = Math.min(this.#first, size + 1);
  }

  /** Whether the leaf of the entry `seq` is kept. */
  keeps(seq: number): boolean {
    return seq >= this.#first && seq <= this.#last;
  }

  /** Whether the entry `seq` was seen with exactly this leaf; false where it is too long ago to know. */
  holds(seq: number, leaf: Digest): boolean {
    return this.keeps(seq) && this.#at(seq).equals(digestBytes(leaf));
  }

  /** The leaf of an entry that is kept. */
  leaf(seq: number): Digest {
    return this.#at(seq).toString('latin1');
  }

  #follow(seq: number, count: number): void {
    if (seq !== this.#last + 1) {
      this.#first = seq;
      this.#last = seq - 1;
    }
    this.#makeRoom(this.#last - this.#first + 1 + count);
    this.#last += count;
    this.#first = Math.max(this.#first, this.#last - this.#capacity + 1);
  }

  #makeRoom(leaves: number): void {
    let capacity = this.#capacity;
    while (capacity < leaves && capacity < KEPT_LEAVES && this.#allowance.take('leaves', capacity)) capacity *= 2;
    if (capacity === this.#capacity) return;
    const wider = Buffer.allocUnsafeSlow(capacity * LEAF);
    for (let seq = this.#first; seq <= this.#last; seq++) {
      wider.set(this.#at(seq), (seq % capacity) * LEAF);
    }
    this.#bytes = wider;
    this.#capacity = capacity;
  }

  #at(seq: number): Buffer {
    const at = (seq % this.#capacity) * LEAF;
    return this.#bytes.subarray(at, at + LEAF);
  }
}
