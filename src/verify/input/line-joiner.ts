import type { RecordLine } from '../../format/entry.ts';
import { unwrapRecord } from '../../format/record.ts';

/**
 * Takes a piece of a line of the application, without LF; `last` where the line ends with it. All but very long lines come in
 * one piece. The bytes are the taker's.
 */
export type OnPiece = (piece: Buffer, last: boolean) => Promise<void> | undefined;

const NOTHING: Buffer = Buffer.alloc(0);

/** Makes the application's lines of records. The parts of a long line are passed on one by one, so none is too long (M1.11). */
export class LineJoiner {
  readonly #onPiece: OnPiece;
  readonly #onProblem: (message: string) => void;
  /** The part that comes next; 0 between two lines. */
  #next = 0;

  /** `onProblem` is told what cannot be given back as it was. */
  constructor(onPiece: OnPiece, onProblem: (message: string) => void) {
    this.#onPiece = onPiece;
    this.#onProblem = onProblem;
  }

  /** Takes the record that a line holds. */
  take(line: Buffer, record: RecordLine): Promise<void> | undefined {
    const own = unwrapRecord(line, record);
    if (own !== undefined && record.part === undefined && this.#next === 0) return this.#onPiece(own, true);
    return this.#takePart(own, record);
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
    if (own === undefined) {
      this.#onProblem(`entry ${seq} is not the wrapped form that it claims to be`);
      return;
    }
    if (this.#next === 0 && part > 1)
      this.#onProblem(`entry ${seq} is part ${part} of a line whose beginning is missing`);
    const last = record.part === undefined || record.last;
    this.#next = last ? 0 : part + 1;
    await this.#onPiece(own, last);
  }
}
