const LF = 0x0a;
/** How much of a line is held until its end comes, in bytes. */
const LONG_LINE = 1_048_576;

/** Whole lines, the last of which may lack its LF; or, where `goesOn`, the next piece of a line that is too long to hold. */
export interface Lines {
  readonly bytes: Buffer;
  readonly goesOn: boolean;
}

/** Cuts a stream of bytes, whose chunks end anywhere, into whole lines. */
export class WholeLines {
  /** Pieces of a line that has not ended yet. */
  #begun: Buffer[] = [];
  #begunBytes = 0;

  /** Whether the last line has not ended yet. */
  get hasBegun(): boolean {
    return this.#begunBytes > 0;
  }

  /**
   * @param room - so many bytes of memory before the chunk may be written to
   * @returns the lines that end in this chunk; undefined where none does and what has begun can wait
   */
  add(chunk: Buffer, room = 0): Lines | undefined {
    const end = chunk.lastIndexOf(LF) + 1;
    const lines = end > 0 ? { bytes: this.#join(chunk.subarray(0, end), room), goesOn: false } : undefined;
    if (end < chunk.length) this.#begin(chunk.subarray(end));
    if (lines === undefined && this.#begunBytes > LONG_LINE) return this.#piece();
    return lines;
  }

  /** The stream has ended. @returns the last line, which lacks its LF; undefined where there is none */
  end(): Lines | undefined {
    return this.hasBegun ? { bytes: this.#join(Buffer.alloc(0)), goesOn: false } : undefined;
  }

  /** Keeps a copy: whoever gave it may read the next chunk into the same memory. */
  #begin(rest: Buffer): void {
    this.#begun.push(Buffer.from(rest));
    this.#begunBytes += rest.length;
  }

  #join(last: Buffer, room = 0): Buffer {
    if (this.#begun.length === 0) return last;
    const whole = this.#begunBytes <= room ? this.#putBefore(last) : Buffer.concat([...this.#begun, last]);
    this.#begun = [];
    this.#begunBytes = 0;
    return whole;
  }

  #putBefore(last: Buffer): Buffer {
    const start = last.byteOffset - this.#begunBytes;
    const whole = Buffer.from(last.buffer, start, this.#begunBytes + last.length);
    let at = 0;
    for (const piece of this.#begun) at += piece.copy(whole, at);
    return whole;
  }

  /** What is begun but for its last byte: it may be a CR that belongs to the end, and no line ends with nothing. */
  #piece(): Lines {
    const all = this.#join(Buffer.alloc(0));
    this.#begin(all.subarray(-1));
    return { bytes: all.subarray(0, -1), goesOn: true };
  }
}
