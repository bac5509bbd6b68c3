/** Input that waits: for the first key, or for a sink that takes more. */
export interface PendingChunk {
  readonly chunk: string | Buffer;
  readonly isObject: boolean;
}

/** Lines that wait in memory, up to `max_pending_bytes`. */
export class PendingLines {
  readonly #limit: number;
  #chunks: PendingChunk[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether no more is to be given: the producer is held back. */
  get isFull(): boolean {
    return this.#bytes >= this.#limit;
  }

  /** Keeps a chunk. Bytes are copied, because their owner goes on using them. */
  add(chunk: string | Uint8Array, isObject: boolean): void {
    this.#chunks.push({ chunk: typeof chunk === 'string' ? chunk : Buffer.from(chunk), isObject });
    this.#bytes += chunk.length;
  }

  /** Gives what waits to `take`, in order, until that says stop. */
  drain(take: (pending: PendingChunk) => boolean): void {
    let taken = 0;
    for (const pending of this.#chunks) {
      taken++;
      this.#bytes -= pending.chunk.length;
      if (!take(pending)) break;
    }
    this.#chunks = this.#chunks.slice(taken);
  }
}

/** How many input lines a chunk holds (spec 1). */
export function countLines(chunk: string | Uint8Array): number {
  let count = 0;
  let from = 0;
  const indexOf = (at: number): number => (typeof chunk === 'string' ? chunk.indexOf('\n', at) : chunk.indexOf(10, at));
  for (let lf = indexOf(0); lf >= 0; lf = indexOf(from)) {
    count++;
    from = lf + 1;
  }
  return from < chunk.length || chunk.length === 0 ? count + 1 : count;
}
