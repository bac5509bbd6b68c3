const LF = 0x0a;
const CR = 0x0d;
/** How much memory is taken at once, in bytes. */
const BLOCK = 65_536;
/** The most bytes that end a line. */
const LINE_END = 2;

/** Input that waits: whole lines, each with its LF; or, where `goesOn`, the next piece of a line whose end comes later. */
export interface PendingBlock {
  readonly bytes: Buffer;
  /** What waits is `bytes[from, to)`. */
  from: number;
  to: number;
  readonly goesOn: boolean;
}

/**
 * Lines that wait in memory, up to `max_pending_bytes`, gathered into large blocks: a line costs its bytes and nothing
 * else, however short it is.
 */
export class PendingLines {
  readonly #limit: number;
  #blocks: PendingBlock[] = [];
  #head = 0;
  #bytes = 0;
  #added = 0;
  #gone = 0;
  /** Where pieces of the present line have waited: new places would only wait for the collector, as many as it likes. */
  #spare: Buffer[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The memory that is taken, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes were ever added, and how many of them have been taken. */
  get added(): number {
    return this.#added;
  }

  get gone(): number {
    return this.#gone;
  }

  get isEmpty(): boolean {
    return this.#head === this.#blocks.length;
  }

  /** Whether no more is to be given: the producer is held back. */
  get isFull(): boolean {
    return this.#bytes >= this.#limit;
  }

  /** What waits longest. */
  get first(): PendingBlock | undefined {
    return this.#blocks[this.#head];
  }

  /**
   * The whole lines that wait longest: a block of them, or the pieces of a long line with the block that its end is in.
   * Undefined where nothing waits, or a line whose end has not come.
   */
  get firstWhole(): Buffer | undefined {
    let last = this.#head;
    while (this.#blocks[last]?.goesOn === true) last++;
    if (last >= this.#blocks.length) return undefined;
    const blocks = this.#blocks.slice(this.#head, last + 1).map(({ bytes, from, to }) => bytes.subarray(from, to));
    return blocks.length === 1 ? blocks[0] : Buffer.concat(blocks);
  }

  /** Keeps whole lines; the last one may lack its LF. Bytes are copied, because their owner goes on using them. */
  add(chunk: string | Uint8Array): void {
    const length = typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    this.#spare = []; // the line has ended
    const block = this.#blockFor(length + LINE_END);
    const { bytes, to } = block;
    if (typeof chunk === 'string') bytes.write(chunk, to);
    else bytes.set(chunk, to);
    let end = to + length;
    if (length === 0 || bytes[end - 1] !== LF) {
      const last = length === 0 ? undefined : bytes[end - 1];
      if (last === CR) bytes[end++] = CR; // it belongs to the line, so one more stands before the LF
      bytes[end++] = LF;
    }
    this.#bytes += end - to;
    this.#added += end - to;
    block.to = end;
  }

  /** Keeps a piece of a line whose end comes later. */
  addPiece(piece: Uint8Array): void {
    const spare = this.#spare.pop();
    const fits = spare !== undefined && spare.length >= piece.length;
    const bytes = fits ? spare : Buffer.allocUnsafeSlow(Math.ceil(piece.length / BLOCK) * BLOCK);
    bytes.set(piece);
    this.#push({ bytes, from: 0, to: piece.length, goesOn: true });
    this.#bytes += piece.length;
    this.#added += piece.length;
  }

  /** What waits longest has been taken up to `at`; the bytes of a piece are of no use then. */
  taken(at: number): void {
    const block = this.#blocks[this.#head];
    if (block === undefined) return;
    this.#gone += at - block.from;
    block.from = at;
    if (at < block.to) return;
    if (block.goesOn) this.#spare.push(block.bytes);
    this.#head++;
    if (!this.isEmpty) {
      this.#bytes -= block.bytes.length;
      if (this.#head >= 1_024) this.#forgetTaken();
      return;
    }
    this.#blocks = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /** The first bytes of {@link PendingLines.firstWhole} have been taken. @param bytes - how many */
  moved(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const { from, to } = this.first as PendingBlock;
      const share = Math.min(left, to - from);
      this.taken(from + share);
      left -= share;
    }
  }

  #forgetTaken(): void {
    this.#blocks = this.#blocks.slice(this.#head);
    this.#head = 0;
  }

  #blockFor(room: number): PendingBlock {
    const last = this.isEmpty ? undefined : this.#blocks.at(-1);
    if (last !== undefined && !last.goesOn && last.to + room <= last.bytes.length) return last;
    return this.#push({ bytes: Buffer.allocUnsafeSlow(Math.max(BLOCK, room)), from: 0, to: 0, goesOn: false });
  }

  #push(block: PendingBlock): PendingBlock {
    const last = this.isEmpty ? undefined : this.#blocks.at(-1);
    if (last !== undefined) this.#bytes += last.bytes.length - last.to; // what is left of it stays unused
    this.#blocks.push(block);
    return block;
  }
}

/** What ends a line that has none: LF, behind one more CR where the line itself ends with one. */
export function lineEnd(line: Uint8Array): Buffer {
  return Buffer.from(line.at(-1) === CR ? '\r\n' : '\n', 'latin1');
}

/** How many input lines a chunk holds (spec 1). */
export function countLines(chunk: string | Uint8Array): number {
  const count = countEnds(chunk);
  return endsLine(chunk) ? count : count + 1;
}

/** Whether the last line of a chunk has its LF. */
export function endsLine(chunk: string | Uint8Array): boolean {
  const last = chunk.length - 1;
  return typeof chunk === 'string' ? chunk.charCodeAt(last) === LF : chunk[last] === LF;
}

/** How many LFs a chunk holds. */
export function countEnds(chunk: string | Uint8Array): number {
  let count = 0;
  const indexOf = (at: number): number => (typeof chunk === 'string' ? chunk.indexOf('\n', at) : chunk.indexOf(LF, at));
  for (let lf = indexOf(0); lf >= 0; lf = indexOf(lf + 1)) count++;
  return count;
}
