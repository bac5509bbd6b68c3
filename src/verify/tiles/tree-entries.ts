import { tmpdir } from 'node:os';
import { classifyLine } from '../../format/entry.ts';
import { leafBytesOf } from '../../format/leaf.ts';
import type { SpooledRecord } from '../input/spool.ts';
import type { CountedNote, IsEnough } from '../model/proof-keeper.ts';
import { type NoteKeys, NoteLines } from '../proof/note-lines.ts';
import { type Keeping, KeptRecords, type RecordKeeper } from '../stream/kept-records.ts';

/** So many checkpoints wait for their lines, the newest ones; the verifier forgets the roots of older ones as well (M8.10). */
const WAITING = 8192;
/** So many characters of signature lines of keys that nobody named are kept for all of them. */
const OTHERS_LIMIT = 16 * 1024 * 1024;

/** A tree whose checkpoint a named public key signed and enough witnesses cosigned. */
export interface SignedTree {
  readonly size: number;
  /** What is signed (section 4 of format.md). */
  readonly text: string;
  /** The checkpoint, with these cosignatures too if they are of witnesses that the log has no line of. */
  note(more: CountedNote['cosignatures']): string;
}

interface Noted {
  readonly checkpoint: CountedNote['checkpoint'];
  readonly lines: NoteLines;
}

/** The leaf bytes of every entry of one stream, and its signed checkpoints, kept while it is verified. */
export class TreeEntries implements Keeping {
  readonly #noteKeys: NoteKeys;
  readonly #kept: KeptRecords = new KeptRecords(tmpdir());
  readonly #noted = new Map<number, Noted>();
  #othersLength = 0;
  #isEnough: IsEnough = () => true;
  #readable = false;

  /** @param noteKeys - each has to have signed the checkpoint */
  constructor(noteKeys: NoteKeys) {
    this.#noteKeys = noteKeys;
  }

  begin(): void {
    this.#kept.begin();
    this.#drop(0);
    this.#readable = false;
  }

  keeper(): RecordKeeper {
    const kept = this.#kept.keeper();
    const take = (seq: number, line: Buffer): void => {
      const read = classifyLine(line);
      if (read.type !== 'record' && read.type !== 'control') return;
      const leaf = leafBytesOf(line, read);
      this.#readable ||= read.type === 'record' && read.salt === undefined && read.commit === undefined;
      kept.keep(seq, leaf, 0, leaf.length);
    };
    const nothing = (): void => undefined;
    return {
      keep: (seq, bytes, start, end) => take(seq, bytes.subarray(start, end)),
      control: take,
      goBack: (size) => kept.goBack(size),
      proven: (size) => kept.proven(size),
      proof: {
        grow: nothing,
        rewind: (size) => this.#drop(size + 1),
        lose: () => this.#drop(0),
        seal: nothing,
        noted: ({ seq }, note, isEnough) => this.#add(seq, note, isEnough),
      },
    };
  }

  /** Whether a record has no salt and is not erased: its leaf is the application's line. */
  get readable(): boolean {
    return this.#readable;
  }

  /** Whether a key that was named signed any checkpoint, whatever witnesses say. */
  get isSigned(): boolean {
    return this.lines.some(({ isSigned }) => isSigned);
  }

  /** The signature lines of each checkpoint. */
  get lines(): NoteLines[] {
    return [...this.#noted.values()].map(({ lines }) => lines);
  }

  /** The newest checkpoint up to the proven end that is signed as E2.2 demands. */
  get newestSigned(): SignedTree | undefined {
    const isEnough = this.#isEnough;
    for (const size of [...this.#noted.keys()].sort((a, b) => b - a)) {
      const { checkpoint, lines } = this.#noted.get(size) as Noted;
      const { text } = checkpoint;
      const note = lines.note(text, isEnough);
      if (size > this.#kept.provenSize || note === undefined) continue;
      const withMore = (cosignatures: CountedNote['cosignatures']): string => {
        lines.add({ checkpoint: { ...checkpoint, signatures: [] }, signatures: [], cosignatures }, 0);
        return lines.note(text, isEnough) ?? note;
      };
      return { size, text, note: withMore };
    }
    return undefined;
  }

  /** The leaf bytes of the first `size` entries, in their order. */
  *upTo(size: number): Generator<SpooledRecord> {
    for (const entry of this.#kept.records()) if (entry.seq <= size) yield entry;
  }

  close(): void {
    this.#kept.close();
  }

  #add(size: number, { checkpoint, signatures, cosignatures }: CountedNote, isEnough: IsEnough): void {
    if (signatures.length + cosignatures.length === 0) return;
    this.#isEnough = isEnough;
    // M4.4: under the log's own name a line that nobody checked could be a wrong one of a key that a reader knows
    const others = checkpoint.signatures.filter(
      (line) => line.name !== checkpoint.origin || this.#noteKeys.keyOf(checkpoint, line) !== undefined,
    );
    const { lines } = this.#noted.get(size) ?? { lines: new NoteLines(this.#noteKeys) };
    this.#othersLength -= lines.othersLength;
    lines.add(
      { checkpoint: { ...checkpoint, signatures: others }, signatures, cosignatures },
      OTHERS_LIMIT - this.#othersLength,
    );
    this.#othersLength += lines.othersLength;
    this.#noted.set(size, { checkpoint, lines });
    const [oldest = 0] = this.#noted.keys();
    if (this.#noted.size > WAITING) this.#forget(oldest);
  }

  #drop(from: number): void {
    for (const size of this.#noted.keys()) if (size >= from) this.#forget(size);
  }

  #forget(size: number): void {
    this.#othersLength -= this.#noted.get(size)?.lines.othersLength ?? 0;
    this.#noted.delete(size);
  }
}
