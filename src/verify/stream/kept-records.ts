import { TamperError } from '../../errors.ts';
import { Spool, type SpooledRecord } from '../input/spool.ts';
import type { ProofKeeper } from '../model/proof-keeper.ts';

/** Takes the records of one stream as the verifying pass accepts them, so that nothing is read a second time. */
export interface RecordKeeper {
  /** The record `seq`, which may be erased, is `bytes[start, end)`, which stay as they are until this returns. */
  keep(seq: number, bytes: Buffer, start: number, end: number): void;
  /** The entries above `size` were abandoned: they are none of the log any more (M8.26). */
  goBack(size: number): void;
  /** All has been read: everything up to `size` is proven. */
  proven(size: number): void;
  /** The control entry `seq` was read; the line stays as it is until this returns. */
  control?(seq: number, line: Buffer): void;
  /** Is given what proves one entry as well. */
  readonly proof?: ProofKeeper;
}

/** What is kept while files are verified. */
export interface Keeping {
  /** The files are read from their beginning, perhaps once more: what was kept before is let go. */
  begin(): void;
  /** For one stream more. */
  keeper(): RecordKeeper;
}

/** The records of the one stream that is kept. */
export class KeptRecords implements Keeping {
  readonly #spool: Spool;
  /** Where the log went back, and to which size; sizes ascend, because one below the last takes its place. */
  readonly #returns: { readonly at: number; readonly size: number }[] = [];
  #stream: RecordKeeper | undefined;
  #several = false;
  #last = 0;
  #proven = 0;

  /** `directory` is where records go that are too many for memory. */
  constructor(directory: string) {
    this.#spool = new Spool(directory);
  }

  /** The files are read from their beginning, perhaps once more: what was kept before is let go. */
  begin(): void {
    this.#spool.close();
    this.#returns.length = 0;
    this.#stream = undefined;
    this.#several = false;
    this.#last = 0;
    this.#proven = 0;
  }

  /** For one stream more. Only one can be kept: which, its first record says. */
  keeper(): RecordKeeper {
    const mine = (): boolean => this.#stream === keeper;
    const keeper: RecordKeeper = {
      keep: (seq, bytes, start, end) => {
        this.#stream ??= keeper;
        if (!mine()) this.#several = true;
        if (this.#several) return;
        this.#spool.add(seq, bytes, start, end);
        this.#last = seq;
      },
      goBack: (size) => {
        if (!mine()) return;
        this.#last = Math.min(this.#last, size);
        while ((this.#returns.at(-1)?.size ?? 0) >= size && this.#returns.length > 0) this.#returns.pop();
        this.#returns.push({ at: this.#spool.size, size });
      },
      proven: (size) => {
        if (mine()) this.#proven = size;
      },
    };
    return keeper;
  }

  /** Whether records of more than one stream were there. */
  get several(): boolean {
    return this.#several;
  }

  /** The proven end: every record up to this entry is proven. */
  get provenSize(): number {
    return this.#proven;
  }

  /** Whether a record was accepted that is not proven yet. */
  get unproven(): boolean {
    return this.#last > this.#proven;
  }

  /** The records that were accepted, are proven and were not abandoned, in their order. */
  *records(): Generator<SpooledRecord> {
    if (this.#several) throw new TamperError('INTERNAL', 'records of more than one stream were not kept');
    let next = 0;
    for (const record of this.#spool.records()) {
      while ((this.#returns[next]?.at ?? Number.MAX_SAFE_INTEGER) <= record.at) next++;
      if (record.seq <= Math.min(this.#proven, this.#returns[next]?.size ?? Number.MAX_SAFE_INTEGER)) yield record;
    }
  }

  close(): void {
    this.#spool.close();
  }
}
