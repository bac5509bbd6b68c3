import type { RecordLine } from '../../format/entry.ts';
import { unwrapRecord } from '../../format/record.ts';

/**
 * Takes a piece of a line of the application, without LF; `last` where the line ends with it. All but very long lines come in
 * one piece. The bytes are the taker's.
 */
export type OnPiece = (piece: Buffer, last: boolean) => Promise<void> | undefined;

const NOTHING: Buffer = Buffer.alloc(0);
/** So many lines with an erased part are kept in mind; of later ones the parts before the erased one are given. */
const MOST = 100_000;

/** Long lines of which a part was erased: they are found before the lines are given, so that no line is given in part. */
export class ErasedParts {
  readonly #lines = new Set<string>();
  #first = '';

  /** Takes all records in their order. */
  see(record: RecordLine): void {
    const { part, last, commit } = record;
    if (part === undefined || part === 1) this.#first = part === undefined ? '' : idOf(record);
    if (commit !== undefined && this.#first !== '' && this.#lines.size < MOST) this.#lines.add(this.#first);
    if (last) this.#first = '';
  }

  /** Whether this is the first part of such a line. */
  begin(record: RecordLine): boolean {
    return record.part === 1 && this.#lines.has(idOf(record));
  }
}

const idOf = ({ tag, seq }: RecordLine): string => `${tag} ${seq}`;

/** Makes the application's lines of records. The parts of a long line are passed on one by one, so none is too long (M1.11). */
export class LineJoiner {
  readonly #onPiece: OnPiece;
  readonly #onProblem: (message: string) => void;
  readonly #erased: ErasedParts;
  /** The part that comes next; 0 between two lines. */
  #next = 0;
  /** The same of a line that is left out. */
  #nextLeftOut = 0;

  /** `onProblem` is told what cannot be given back as it was. */
  constructor(onPiece: OnPiece, onProblem: (message: string) => void, erased: ErasedParts = new ErasedParts()) {
    this.#onPiece = onPiece;
    this.#onProblem = onProblem;
    this.#erased = erased;
  }

  /** Takes the record that a line holds. */
  take(line: Buffer, record: RecordLine): Promise<void> | undefined {
    const own = record.commit === undefined ? unwrapRecord(line, record) : undefined;
    if (own !== undefined && record.part === undefined && this.#next === 0) return this.#onPiece(own, true);
    return this.#takePart(own, record);
  }

  /** Whether the part belongs to a line that is left out. */
  #leavesOut(record: RecordLine): boolean {
    const { seq, part = 1, last } = record;
    if (this.#erased.begin(record)) {
      this.#onProblem(`the long line that begins with entry ${seq} is left out: a part of it was erased`);
    } else if (record.part === undefined || part !== this.#nextLeftOut) {
      this.#nextLeftOut = 0;
      return false;
    }
    this.#nextLeftOut = last ? 0 : part + 1;
    return true;
  }

  /** Nothing more comes: a line that has begun ends here. */
  async end(): Promise<void> {
    if (this.#next === 0) return;
    this.#onProblem(`the end of a long line is missing, from its part ${this.#next} on`);
    this.#next = 0;
    await this.#onPiece(NOTHING, true);
  }

  async #takePart(own: Buffer | undefined, record: RecordLine): Promise<void> {
    const { seq, part = 1 } = record;
    if (this.#next > 0 && (own === undefined || record.part !== this.#next)) await this.end();
    if (this.#leavesOut(record)) return;
    if (own === undefined) {
      const what = record.commit === undefined ? 'is not the wrapped form that it claims to be' : 'was erased';
      this.#onProblem(`entry ${seq} ${what}`);
      return;
    }
    if (this.#next === 0 && part > 1)
      this.#onProblem(`entry ${seq} is part ${part} of a line whose beginning is missing`);
    const last = record.part === undefined || record.last;
    this.#next = last ? 0 : part + 1;
    await this.#onPiece(own, last);
  }
}
