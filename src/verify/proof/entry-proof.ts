import type { Digest } from '../../core/hash.ts';
import { InclusionPath, verifyInclusion } from '../../core/inclusion-proof.ts';
import { hashLeaf } from '../../core/tree.ts';
import { classifyLine, TAIL_LENGTH } from '../../format/entry.ts';
import type { RecordExtra } from '../../format/evidence/record-extra.ts';
import type { TlogProof } from '../../format/evidence/tlog-proof.ts';
import { leafBytesOf } from '../../format/leaf.ts';
import type { CountedNote, IsEnough, ProofKeeper } from '../model/proof-keeper.ts';
import type { SealedSize } from '../model/tree-history.ts';
import type { RecordKeeper } from '../stream/kept-records.ts';
import { type NoteKeys, NoteLines } from './note-lines.ts';

/** So many seals wait for their checkpoints; the verifier forgets the roots of older ones as well (M8.10). */
const WAITING_SEALS = 8192;
/** So many characters of signature lines of keys that nobody named are kept for all of them. */
const OTHERS_LIMIT = 16 * 1024 * 1024;

/** What proves one entry of a stream. */
export type ProofParts = RecordExtra &
  Pick<TlogProof, 'index' | 'proof' | 'note'> & {
    /** What the record's hash in the tree is over. */
    readonly leaf: Buffer;
  };

interface WaitingSeal {
  readonly leaf: Buffer;
  readonly proof: readonly Digest[];
  readonly frontier: readonly Digest[];
  readonly lines: NoteLines;
  /** Of its checkpoint: what all the lines are over. */
  text: string;
}

const withoutAuth = (line: Buffer): Buffer => Buffer.from(line.subarray(0, line.length - TAIL_LENGTH));

/**
 * Collects what proves one entry while its stream is verified, in memory that does not grow with the log: the entry, the
 * siblings on its way to the root, and of the checkpoints that cover it the smallest one that anybody can check and that as
 * many witnesses cosigned as the auditor demands, with the lines that come later (E2.2).
 */
export class EntryProof implements RecordKeeper, ProofKeeper {
  readonly #seq: number;
  readonly #noteKeys: NoteKeys;
  #path: InclusionPath | undefined;
  #leaf: Digest | undefined;
  #record: Pick<ProofParts, 'record' | 'leaf'> | undefined;
  #erased = false;
  /** Seals above the entry, from the smallest, up to the first one whose checkpoint is enough. */
  readonly #waiting = new Map<number, WaitingSeal>();
  #othersLength = 0;
  #enough: number | undefined;
  #isEnough: IsEnough = () => true;
  #proven = 0;

  constructor(seq: number, noteKeys: NoteKeys) {
    this.#seq = seq;
    this.#noteKeys = noteKeys;
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

  /** Whether a checkpoint over it is signed by a key that was named, whatever witnesses say. */
  get isSigned(): boolean {
    return this.lines.some(({ isSigned }) => isSigned);
  }

  /** The signature lines of each checkpoint over it. */
  get lines(): NoteLines[] {
    return [...this.#waiting.values()].map(({ lines }) => lines);
  }

  /** What proves it; undefined where no checkpoint does. */
  get parts(): ProofParts | undefined {
    const size = this.#enough ?? Number.POSITIVE_INFINITY;
    const seal = this.#waiting.get(size);
    const note = seal?.lines.note(seal.text, this.#isEnough);
    const [record, path] = [this.#record, this.#path];
    if (seal === undefined || note === undefined || record === undefined || path === undefined) return undefined;
    if (size > this.#proven) return undefined;
    const { leaf: sealLeaf, proof: sealProof, frontier } = seal;
    return { ...record, index: this.#seq - 1, proof: path.proofIn(size, frontier), note, sealLeaf, sealProof };
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
    if (read.type !== 'record') return;
    const leaf = Buffer.from(leafBytesOf(line, read));
    if (hashLeaf(leaf) !== this.#leaf) return;
    if (read.commit === undefined) this.#record = { record: withoutAuth(line), leaf };
    else this.#erased = true;
  }

  seal(line: Buffer, { seq, root, kind, frontier }: SealedSize, before: readonly Digest[]): void {
    if (kind === 'unknown') return;
    if (this.#path === undefined || seq <= this.#seq || seq > (this.#enough ?? seq)) return;
    const leaf = withoutAuth(line);
    const proof = [...before].reverse(); // of the last leaf every sibling stands left of it
    if (!verifyInclusion(seq - 1, seq, hashLeaf(leaf), proof, root)) return;
    this.#waiting.set(seq, { leaf, proof, frontier, lines: new NoteLines(this.#noteKeys), text: '' });
    const [oldest = seq] = this.#waiting.keys();
    if (this.#waiting.size > WAITING_SEALS) this.#drop(oldest);
  }

  noted({ seq: size }: SealedSize, note: CountedNote, isEnough: IsEnough): void {
    const seal = this.#waiting.get(size);
    if (seal === undefined) return;
    const { lines } = seal;
    this.#othersLength -= lines.othersLength;
    lines.add(note, OTHERS_LIMIT - this.#othersLength);
    this.#othersLength += lines.othersLength;
    seal.text = note.checkpoint.text;
    this.#isEnough = isEnough;
    if (size === this.#enough || lines.note(seal.text, isEnough) === undefined) return;
    this.#enough = size;
    for (const later of this.#waiting.keys()) if (later > size) this.#drop(later);
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
    if (size < (this.#enough ?? 0)) this.#enough = undefined;
  }

  lose(): void {
    this.#path = undefined;
    this.#leaf = undefined;
    this.#record = undefined;
    this.#erased = false;
    for (const seq of this.#waiting.keys()) this.#drop(seq);
    this.#enough = undefined;
  }

  proven(size: number): void {
    this.#proven = size;
  }

  #drop(seq: number): void {
    this.#othersLength -= this.#waiting.get(seq)?.lines.othersLength ?? 0;
    this.#waiting.delete(seq);
  }
}
