import { areJoinedLines } from '../../format/foreign-line.ts';

/** Cuts chunks of bytes into lines without copying a line, in memory that the longest line bounds. */

const LF = 0x0a;
/** The byte order mark of UTF-8: no sealed line begins with one. */
export const MARK: Buffer = Buffer.from([0xef, 0xbb, 0xbf]);
const INITIAL = 256 * 1024;
/** For a small file: with the room of a large one, thousands of them would keep the collector busy. */
const LEAST = 16 * 1024;
/** A longer line gets all the room that one may have: what it does not touch is no memory, and what it outgrows would be garbage. */
const WIDE = 2 ** 20;
/** That of the last line that was too long: files of such lines would each leave one to be collected. */
let spare: Buffer | undefined;
/** A line above this many bytes ends the reading (spec 8.12, M8.25). */
export const LINE_LIMIT: number = 16 * 1024 * 1024;

/** How many lines were taken, and where the next one begins. */
export interface TakenLines {
  readonly lines: number;
  readonly end: number;
}

/** What takes the lines. Empty ones are counted and left out (M1.7): a file may hold nothing else. */
export interface LineSink {
  /** A line `bytes[start, end)` without its LF; `start` is at least 1. The bytes stay until the promise is done. */
  feed(bytes: Buffer, start: number, end: number, line: number, offset: number): Promise<void> | undefined;
  /**
   * May take lines at once, from the line `bytes[start, …)` on, of those that end with an LF before `end`; else, and from the
   * first one on that it leaves, each is {@link feed}. As there, the byte before is borrowed.
   */
  feedSeveral?(bytes: Buffer, start: number, end: number, line: number, offset: number): TakenLines;
  /** Bytes that are no line: a byte order mark with which the file begins, or an empty line. */
  skipped?(what: 'mark' | 'empty'): void;
  /** The bytes before `end`, which is byte `offset` of the file, have all been lines and are overwritten next. */
  release?(bytes: Buffer, end: number, offset: number): void;
  /** The bytes after the last LF: how many, and where (M1.7). */
  feedUnterminated(bytes: number, line: number, offset: number): void;
}

/** Thrown to the reader of a file where a line is longer than {@link LINE_LIMIT}. */
export class LineTooLong extends Error {
  readonly line: number;
  readonly offset: number;

  constructor(line: number, offset: number) {
    super(`line ${line} is longer than ${LINE_LIMIT} bytes`);
    this.line = line;
    this.offset = offset;
  }
}

/** One file's bytes, chunk by chunk. */
export class LineSplitter {
  readonly #sink: LineSink;
  #buffer: Buffer;
  /** The unfinished line stands at 1 … #end; the byte before it is free. */
  #end = 1;
  #line = 1;
  #offset = 0;

  /** @param size - of the file, in bytes, as far as it is known; compressed, if it is */
  constructor(sink: LineSink, size: number = INITIAL) {
    this.#sink = sink;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(INITIAL, Math.max(LEAST, 4 * size)));
  }

  /** Takes a chunk. @throws {@link LineTooLong} */
  async push(chunk: Buffer): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      if (this.#end === this.#buffer.length) this.#grow();
      const part = chunk.subarray(taken, taken + this.#buffer.length - this.#end);
      const from = this.#end;
      this.#buffer.set(part, from);
      this.#end += part.length;
      taken += part.length;
      await this.#cut(from);
    }
  }

  /** Whether it stands at the start of a line. */
  get atLineStart(): boolean {
    return this.#end === 1;
  }

  /** Goes past whole lines that were read elsewhere. */
  skip(lines: number, bytes: number): void {
    if (!this.atLineStart) throw new RangeError('lines are skipped from the start of a line');
    this.#line += lines;
    this.#offset += bytes;
  }

  /** The file has ended. @param mayBeJoined - bytes without LF that are all of it may be lines that a tool has joined. Default false */
  end(mayBeJoined = false): Promise<void> | undefined {
    const rest = this.#end - 1;
    if (rest === 0) return undefined;
    if (mayBeJoined && this.#offset === 0 && areJoinedLines(this.#buffer.subarray(1, this.#end)))
      return this.#sink.feed(this.#buffer, 1, this.#end, this.#line, 0);
    this.#sink.feedUnterminated(rest, this.#line, this.#offset);
    return undefined;
  }

  async #cut(searchFrom: number): Promise<void> {
    const buffer = this.#buffer;
    const sink = this.#sink;
    const end = this.#end;
    const base = this.#offset - 1;
    let line = this.#line;
    let start = 1;
    let lf = buffer.indexOf(LF, searchFrom);
    if (base < 0 && lf >= 0 && lf < end && MARK.equals(buffer.subarray(1, 1 + MARK.length))) {
      sink.skipped?.('mark');
      start += MARK.length;
    }
    while (lf >= 0 && lf < end) {
      if (lf === start) {
        sink.skipped?.('empty');
        for (; start < end && buffer[start] === LF; start++) line++;
        lf = buffer.indexOf(LF, start);
        continue;
      }
      if (lf - start > LINE_LIMIT) throw new LineTooLong(line, base + start);
      const several = sink.feedSeveral?.(buffer, start, end, line, base + start);
      if (several !== undefined && several.lines > 0) {
        line += several.lines;
        start = several.end;
      } else {
        const pending = sink.feed(buffer, start, lf, line, base + start);
        if (pending !== undefined) await pending;
        line++;
        start = lf + 1;
      }
      lf = buffer.indexOf(LF, start);
    }
    this.#line = line;
    this.#offset = base + start;
    if (start > 1) {
      sink.release?.(buffer, start, this.#offset);
      buffer.copyWithin(1, start, end);
      this.#end = 1 + end - start;
    }
  }

  #grow(): void {
    if (this.#buffer.length > LINE_LIMIT) {
      spare = this.#buffer;
      throw new LineTooLong(this.#line, this.#offset);
    }
    const length = this.#buffer.length < WIDE ? this.#buffer.length * 4 : LINE_LIMIT + INITIAL;
    const wider = (length > LINE_LIMIT ? spare : undefined) ?? Buffer.allocUnsafeSlow(length);
    if (wider === spare) spare = undefined;
    wider.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = wider;
  }
}
