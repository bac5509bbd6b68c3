import type { Digest } from '../../core/hash.ts';
import type { Subtree } from '../../core/subtrees.ts';
import { Frontier } from '../../core/tree.ts';
import type { OpenEntry } from '../../format/control.ts';
import type { Allowance } from './allowance.ts';
import type { Epoch } from './epoch.ts';
import { LeafWindow } from './leaf-window.ts';
import type { TreeWatcher } from './tree-watcher.ts';

/** The root at a seal or close, and what a checkpoint of that size must carry. */
export interface SealedSize {
  readonly seq: number;
  readonly root: Digest;
  readonly kind: 'seal' | 'close' | 'unknown';
  readonly epoch: Epoch | undefined;
  readonly frontier: readonly Digest[];
  readonly time: string | undefined;
  /** The promise in force (M2.5): that of the newest open at or below this size. */
  readonly every: OpenEntry['every'] | undefined;
  /** Our MAC over the checkpoint text, where the epoch's key is at hand. */
  readonly mac: Buffer | undefined;
}

/** So many seals keep their roots (spec 8.4). */
const KEPT_SEALS = 4096;

/** The tree of a stream as it grows, and as much of its past as spec 8.4 and 8.11 ask for. Memory is bounded. */
export class TreeHistory {
  #frontier: Frontier | undefined = new Frontier();
  readonly #allowance: Allowance;
  readonly #leaves: LeafWindow;
  #seals: SealedSize[] = [];
  #bySeq = new Map<number, SealedSize>();
  #start: { size: number; subtrees: readonly Digest[] } = { size: 0, subtrees: [] };

  /** Whether seals have passed whose roots are no longer kept. */
  #forgotten = false;
  #watcher: TreeWatcher | undefined;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
    this.#leaves = new LeafWindow(allowance);
  }

  /** Undefined while the range has no known root: it did not begin with an open. */
  get frontier(): Frontier | undefined {
    return this.#frontier;
  }

  /** The watcher is told of every leaf before it is added. */
  watchBy(watcher: TreeWatcher | undefined): void {
    this.#watcher = watcher;
  }

  /** What comes has no known root. */
  loseRoot(): void {
    this.#frontier = undefined;
  }

  /** Begins at `size` leaves with a frontier that an open gave. */
  startAt(size: number, subtrees: readonly Digest[]): void {
    this.#frontier = new Frontier(size, subtrees);
    this.#start = { size, subtrees: [...subtrees] };
    this.#leaves.startAfter(size);
    this.#watcher?.lose();
  }

  /** Forgets everything: what comes begins elsewhere. */
  clear(): void {
    this.#frontier = new Frontier();
    this.#leaves.startAfter(0);
    this.#seals = [];
    this.#bySeq.clear();
    this.#start = { size: 0, subtrees: [] };
    this.#forgotten = false;
    this.#watcher?.lose();
  }

  append(seq: number, leaf: Digest): void {
    if (this.#watcher !== undefined) this.#watch(this.#watcher, seq, leaf);
    this.#frontier?.append(leaf);
    this.#leaves.append(seq, leaf);
  }

  #watch(watcher: TreeWatcher, seq: number, leaf: Digest): void {
    if (this.#frontier?.size === seq - 1) watcher.grow(seq, this.#frontier.subtrees, leaf);
    else watcher.lose();
  }

  /** Adds consecutive entries whose leaf hashes, 32 bytes each, and complete subtrees are known. */
  appendRun(firstSeq: number, leaves: Uint8Array, subtrees: readonly Subtree[]): void {
    this.#watcher?.lose(); // it would have to see each leaf
    for (const { height, root } of subtrees) this.#frontier?.appendSubtree(height, root);
    this.#leaves.appendRun(firstSeq, leaves);
  }

  /** Consecutive entries, 32 bytes of leaf hash each, have been added to the {@link frontier} already. */
  appendLeaves(firstSeq: number, leaves: Uint8Array): void {
    this.#watcher?.lose(); // it would have to see each leaf
    this.#leaves.appendRun(firstSeq, leaves);
  }

  /**
   * Goes on behind consecutive entries that were read before: their leaf hashes, as far as they are still there, and the
   * frontier that they led to, where there is one.
   */
  resumeRun(firstSeq: number, count: number, leaves: Uint8Array, subtrees: readonly Digest[]): void {
    this.#watcher?.lose(); // it would have to see each leaf
    if (this.#frontier !== undefined) this.#frontier = new Frontier(firstSeq + count - 1, subtrees);
    if (leaves.length > 0) this.#leaves.appendRun(firstSeq, leaves);
    else this.#leaves.startAfter(firstSeq + count - 1);
  }

  /** Whether the entry `seq` was seen with exactly this leaf; false where it is too long ago to know. */
  sawLeaf(seq: number, leaf: Digest): boolean {
    return this.#leaves.holds(seq, leaf);
  }

  addSeal(seal: SealedSize): void {
    this.#seals.push(seal);
    this.#bySeq.set(seal.seq, seal);
    if (this.#seals.length >= KEPT_SEALS * 2) {
      this.#forgotten = true;
      for (const old of this.#seals.splice(0, KEPT_SEALS)) this.#bySeq.delete(old.seq);
    }
  }

  seal(seq: number): SealedSize | undefined {
    return this.#bySeq.get(seq);
  }

  /** Whether a seal of this size would be known: it is in the part that was read, and not so long ago as to be forgotten. */
  remembers(size: number): boolean {
    return size > this.#start.size && (!this.#forgotten || size >= this.oldestSeal);
  }

  /** The smallest size whose root, if it was a seal, is still known. */
  get oldestSeal(): number {
    return this.#seals[0]?.seq ?? Number.MAX_SAFE_INTEGER;
  }

  /** The last seal with a seq of at most `seq`. */
  lastSealUpTo(seq: number, epoch?: Epoch): SealedSize | undefined {
    return this.#seals.findLast((seal) => seal.seq <= seq && (epoch === undefined || seal.epoch === epoch));
  }

  /** Goes back to the tree of `size` leaves; false where too much has passed since, or it was asked for too often. */
  rewindTo(size: number): boolean {
    const seal = this.lastSealUpTo(size);
    const base = seal === undefined ? this.#start : { size: seal.seq, subtrees: seal.frontier };
    if (base.size > size || (base.size < size && !this.#leaves.keeps(base.size + 1))) return false;
    if (!this.#allowance.take('rewoundLeaves', size - base.size)) return false;
    const frontier = new Frontier(base.size, base.subtrees);
    for (let seq = base.size + 1; seq <= size; seq++) frontier.append(this.#leaves.leaf(seq));
    this.#frontier = frontier;
    this.#watcher?.rewind(size);
    this.#leaves.cutTo(size);
    while ((this.#seals.at(-1)?.seq ?? 0) > size) this.#bySeq.delete((this.#seals.pop() as SealedSize).seq);
    return true;
  }
}
