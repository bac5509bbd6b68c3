import type { Digest } from '../../core/hash.ts';
import { InclusionPath, verifyInclusion } from '../../core/inclusion-proof.ts';
import { hashLeaf } from '../../core/tree.ts';
import { classifyLine, TAIL_LENGTH } from '../../format/entry.ts';
import type { RecordExtra } from '../../format/evidence/record-extra.ts';
import type { TlogProof } from '../../format/evidence/tlog-proof.ts';
import { leafOf } from '../../format/leaf.ts';
import type { ProofKeeper } from '../model/proof-keeper.ts';
import type { SealedSize } from '../model/tree-history.ts';
import type { RecordKeeper } from '../stream/kept-records.ts';

/** So many seals wait for their checkpoints; the verifier forgets the roots of older ones as well (M8.10). */
const WAITING_SEALS = 8192;

/** What proves one entry of a stream. */
export type ProofParts = RecordExtra & Pick<TlogProof, 'index' | 'proof' | 'note'>;

interface WaitingSeal {
  readonly leaf: Buffer;
  readonly proof: readonly Digest[];
}

const withoutAuth = (line: Buffer): Buffer => Buffer.from(line.subarray(0, line.length - TAIL_LENGTH));

/**
 * Collects what proves one entry while its stream is verified, in memory that does not grow with the log: the entry, the
 * siblings on its way to the root, and of the checkpoints that cover it the smallest one that anybody can check (E2.2).
 */
export class EntryProof implements RecordKeeper, ProofKeeper {
  readonly #seq: number;
  #path: InclusionPath | undefined;
  #leaf: Digest | undefined;
  #record: Buffer | undefined;
  #erased = false;
  /** Seals above the entry without a checkpoint so far. */
  readonly #waiting = new Map<number, WaitingSeal>();
  #parts: { readonly size: number; readonly parts: ProofParts } | undefined;
  #proven = 0;

  constructor(seq: number) {
    this.#seq = seq;
  }

  get proof(): ProofKeeper {
    return this;
  }

  /** Whether an entry with this seq is in the log. */
  get isThere(): boolean {
    return this.#leaf !== undefined;
  }

  /** Whether it is a line of the application. */
  get isRecord(): boolean {
    return this.#record !== undefined;
  }

  /** Whether it was one, and was erased. */
  get isErased(): boolean {
    return this.#erased;
  }

  /** What proves it; undefined where no checkpoint does. */
  get parts(): ProofParts | undefined {
    return this.#parts !== undefined && this.#parts.size <= this.#proven ? this.#parts.parts : undefined;
  }

  grow(seq: number, subtrees: readonly Digest[], leaf: Digest): void {
    if (seq === this.#seq) {
      this.lose();
      this.#path = new InclusionPath(seq - 1, subtrees);
      this.#leaf = leaf;
    } else if (this.#path !== undefined) this.#path.grow(seq - 1, subtrees, leaf);
  }

  keep(seq: number, bytes: Buffer, start: number, end: number): void {
    if (seq !== this.#seq || this.#record !== undefined) return;
    const line = bytes.subarray(start, end);
    const read = classifyLine(line);
    if (read.type !== 'record' || leafOf(line, read) !== this.#leaf) return;
    if (read.commit === undefined) this.#record = withoutAuth(line);
    else this.#erased = true;
  }

  seal(line: Buffer, { seq, root, kind }: SealedSize, before: readonly Digest[]): void {
    if (kind === 'unknown') return;
    if (this.#path === undefined || seq <= this.#seq || seq > (this.#parts?.size ?? seq)) return;
    const leaf = withoutAuth(line);
    const proof = [...before].reverse(); // of the last leaf every sibling stands left of it
    if (!verifyInclusion(seq - 1, seq, hashLeaf(leaf), proof, root)) return;
    this.#waiting.set(seq, { leaf, proof });
    const [oldest = seq] = this.#waiting.keys();
    if (this.#waiting.size > WAITING_SEALS) this.#drop(oldest);
  }

  signed(note: string, { seq: size, frontier }: SealedSize): void {
    const seal = this.#waiting.get(size);
    if (seal === undefined || this.#path === undefined || this.#record === undefined) return;
    const proof = this.#path.proofIn(size, frontier);
    const { leaf: sealLeaf, proof: sealProof } = seal;
    this.#parts = { size, parts: { record: this.#record, index: this.#seq - 1, proof, note, sealLeaf, sealProof } };
    for (const later of this.#waiting.keys()) if (later >= size) this.#drop(later);
  }

  /** The tree has said so already, before the entry was added that it went back for. */
  goBack(): void {}

  rewind(size: number): void {
    if (size < this.#seq) {
      this.lose();
      return;
    }
    this.#path?.goBack(size);
    for (const seq of this.#waiting.keys()) if (seq > size) this.#drop(seq);
  }

  lose(): void {
    this.#path = undefined;
    this.#leaf = undefined;
    this.#record = undefined;
    this.#erased = false;
    this.#waiting.clear();
    this.#parts = undefined;
  }

  proven(size: number): void {
    this.#proven = size;
  }

  #drop(seq: number): void {
    this.#waiting.delete(seq);
  }
}
