import { tmpdir } from 'node:os';
import { formatSignatureLine } from '../../format/checkpoint.ts';
import { classifyLine } from '../../format/entry.ts';
import { leafBytesOf } from '../../format/leaf.ts';
import type { SpooledRecord } from '../input/spool.ts';
import type { CountedNote } from '../model/proof-keeper.ts';
import { type Keeping, KeptRecords, type RecordKeeper } from '../stream/kept-records.ts';

/** The signature lines of checkpoints take at most so many bytes; those that came first are let go. */
const MOST_LINES = 16 * 1024 * 1024;

/** A tree whose checkpoint a named public key signed. */
export interface SignedTree {
  readonly size: number;
  /** What is signed (section 4 of format.md). */
  readonly text: string;
  /** All signature lines that the log has under it, without LF. */
  readonly lines: Set<string>;
}

/** The leaf bytes of every entry of one stream, and its signed checkpoints, kept while it is verified. */
export class TreeEntries implements Keeping {
  readonly #kept: KeptRecords = new KeptRecords(tmpdir());
  readonly #signed = new Map<number, SignedTree>();
  #lineLength = 0;
  #readable = false;

  begin(): void {
    this.#kept.begin();
    this.#signed.clear();
    this.#lineLength = 0;
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
        rewind: nothing,
        lose: nothing,
        seal: nothing,
        noted: ({ seq }, note) => this.#add(seq, note),
      },
    };
  }

  /** Whether a record has no salt and is not erased: its leaf is the application's line. */
  get readable(): boolean {
    return this.#readable;
  }

  /** The newest checkpoint up to the proven end that a named public key signed. */
  get newestSigned(): SignedTree | undefined {
    const proven = [...this.#signed.values()].filter(({ size }) => size <= this.#kept.provenSize);
    return proven.sort((a, b) => b.size - a.size)[0];
  }

  /** The leaf bytes of the first `size` entries, in their order. */
  *upTo(size: number): Generator<SpooledRecord> {
    for (const entry of this.#kept.records()) if (entry.seq <= size) yield entry;
  }

  close(): void {
    this.#kept.close();
  }

  #add(size: number, { checkpoint, signatures, cosignatures }: CountedNote): void {
    if (signatures.length === 0) return;
    const { text, lines } = this.#signed.get(size) ?? { text: checkpoint.text, lines: new Set() };
    this.#signed.set(size, { size, text, lines });
    for (const { name, keyId, bytes } of [...checkpoint.signatures, ...cosignatures.map((one) => one.line)]) {
      const line = formatSignatureLine(name, Buffer.from(keyId, 'hex'), bytes).trimEnd();
      if (lines.has(line) || this.#lineLength > MOST_LINES) continue;
      lines.add(line);
      this.#lineLength += line.length;
    }
    for (const [oldest, one] of this.#signed) {
      if (this.#lineLength <= MOST_LINES || oldest === size) break;
      for (const line of one.lines) this.#lineLength -= line.length;
      this.#signed.delete(oldest);
    }
  }
}
