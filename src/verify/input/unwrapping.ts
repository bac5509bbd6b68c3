import type { Carrier } from '../carrier/carrier.ts';
import { LINE_LIMIT, type LineSink, LineTooLong } from './line-splitter.ts';

/** What takes the lines of a log, also those of a carrier's file that hold none. */
export interface LogSink extends LineSink {
  /** A line that its carrier did not write so: none of the log, whatever it looks like. As {@link LineSink.feed}. */
  feedForeign(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined;
}

/** Where a line of the log begins in the carrier's file. */
interface Beginning {
  readonly line: number;
  readonly offset: number;
}

const FILE_START: Beginning = { line: 1, offset: 0 };
const INITIAL = 64 * 1024;

/** Told of each line that a carrier has of something else than the log. */
export type OnBeside = () => void;

/** Takes the lines of a carrier's files and gives those of the log, each with the place where it begins in such a file. */
export class Unwrapping implements LineSink {
  readonly #carrier: Carrier;
  readonly #sink: LogSink;
  readonly #onBeside: OnBeside;
  /** The line that has begun stands at 1 … #end; the byte before it is free. */
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL);
  #end = 1;
  /** Where it begins in this file; undefined until a piece of it was there. */
  #beginning: Beginning | undefined;
  #besideBytes = 0;
  /** The last file ended inside one of the carrier's own lines. */
  #torn = false;
  /** What comes first is the rest of the line that was torn there. */
  #isRest = false;

  constructor(carrier: Carrier, sink: LogSink, onBeside: OnBeside = () => undefined) {
    this.#carrier = carrier;
    this.#sink = sink;
    this.#onBeside = onBeside;
  }

  /** Whether a line has begun that no piece has ended yet. */
  get unfinished(): boolean {
    return this.#end > 1;
  }

  /** What was there of that line so far; good until the next line. */
  get begun(): Buffer {
    return this.#buffer.subarray(1, this.#end);
  }

  /** How many bytes were lines of something else. */
  get besideBytes(): number {
    return this.#besideBytes;
  }

  /** Whether the file ended inside one of the carrier's own lines, and with it a line of the log. */
  get torn(): boolean {
    return this.#torn;
  }

  /** The next file begins. `rest of torn`: it begins with the rest of a line whose beginning was torn. */
  beginFile(begins: 'goes on' | 'rest of torn' | 'new'): void {
    if (begins !== 'goes on') this.#forget();
    this.#isRest = begins === 'rest of torn';
    this.#torn = false;
    this.#beginning = undefined;
  }

  feed(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined {
    const carried = this.#carrier.read(bytes.subarray(start, end));
    if (carried === 'beside') {
      this.#besideBytes += end - start + 1;
      this.#onBeside();
      return undefined;
    }
    if (carried === 'foreign') return this.#sink.feedForeign(bytes, start, end, line, offset);
    const { bytes: piece, ends } = carried;
    if (piece.length === 0 && !ends) return undefined;
    this.#beginning ??= { line, offset };
    this.#append(piece, this.#beginning);
    if (!ends) return undefined;
    if (!this.#isRest) return this.#give(this.#beginning);
    this.#isRest = false;
    this.#forget();
    return undefined;
  }

  feedUnterminated(bytes: number, line: number, offset: number): void {
    this.#torn = true;
    this.#tear(bytes, this.#beginning ?? { line, offset });
  }

  /** The line that is unfinished does not go on: the log ends inside it, or was torn there. */
  tear(): void {
    if (this.unfinished) this.#tear(0, this.#beginning ?? FILE_START);
  }

  #append(piece: Buffer, { line, offset }: Beginning): void {
    const end = this.#end + piece.length;
    if (end - 1 > LINE_LIMIT) throw new LineTooLong(line, offset);
    if (end > this.#buffer.length) {
      const wider = Buffer.allocUnsafeSlow(Math.min(Math.max(end, this.#buffer.length * 2), LINE_LIMIT + 1));
      wider.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = wider;
    }
    this.#buffer.set(piece, this.#end);
    this.#end = end;
  }

  /** The bytes stay until the promise is done: nothing is fed before. */
  #give({ line, offset }: Beginning): Promise<void> | undefined {
    const end = this.#end;
    this.#forget();
    return this.#sink.feed(this.#buffer, 1, end, line, offset);
  }

  #tear(more: number, { line, offset }: Beginning): void {
    const bytes = this.#end - 1 + more;
    this.#forget();
    this.#sink.feedUnterminated(bytes, line, offset);
  }

  #forget(): void {
    this.#end = 1;
    this.#beginning = undefined;
  }
}
