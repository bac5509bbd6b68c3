import type { Readable } from 'node:stream';
import { TamperError } from '../index.ts';

const lf = 0x0a;
/** After a stop: how long the input must be quiet before it is taken as ended, in milliseconds. */
const quietMs = 200;

/** How much of a line is held until its end comes, in bytes. */
const longLine = 1_048_576;

/** Whole lines, the last of which may lack its LF; or, where `goesOn`, the next piece of a line that is too long to hold. */
export interface Input {
  readonly bytes: Buffer;
  readonly goesOn: boolean;
}

/**
 * Whole lines from a stream, as many at a time as come; the last one may lack its LF. After a stop what still comes is
 * taken, until nothing has come for 200 ms: a producer that the same signal ends has its last words in the pipe.
 */
export class InputLines {
  readonly #stream: Readable;
  readonly #iterator: AsyncIterator<unknown>;
  readonly #stopped: Promise<void>;
  /** Pieces of a line that has not ended yet. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #reading: Promise<IteratorResult<unknown>> | undefined;
  #ended = false;

  constructor(stream: Readable, stopped: Promise<void>) {
    this.#stream = stream;
    this.#iterator = stream.iterator({ destroyOnReturn: true });
    this.#stopped = stopped;
  }

  /** @returns undefined at the end. @throws READ_FAILED */
  async next(): Promise<Input | undefined> {
    while (!this.#ended) {
      const chunk = await this.#read();
      if (chunk === undefined) break;
      const end = chunk.lastIndexOf(lf) + 1;
      const lines = end > 0 ? { bytes: this.#join(chunk.subarray(0, end)), goesOn: false } : undefined;
      if (end < chunk.length) this.#begin(chunk.subarray(end));
      if (lines !== undefined) return lines;
      if (this.#begunBytes > longLine) return this.#piece();
    }
    this.#ended = true;
    return this.#begun.length === 0 ? undefined : { bytes: this.#join(Buffer.alloc(0)), goesOn: false };
  }

  /** Lets go of the stream, which would keep the process alive. */
  close(): void {
    this.#ended = true;
    this.#reading?.catch(() => undefined); // it ends with the stream, and nobody waits for it any more
    this.#stream.destroy();
  }

  #begin(rest: Buffer): void {
    this.#begun.push(rest);
    this.#begunBytes += rest.length;
  }

  #join(last: Buffer): Buffer {
    if (this.#begun.length === 0) return last;
    const whole = Buffer.concat([...this.#begun, last]);
    this.#begun = [];
    this.#begunBytes = 0;
    return whole;
  }

  /** What is begun but for its last byte: it may be a CR that belongs to the end, and no line ends with nothing. */
  #piece(): Input {
    const all = this.#join(Buffer.alloc(0));
    this.#begin(all.subarray(-1));
    return { bytes: all.subarray(0, -1), goesOn: true };
  }

  async #read(): Promise<Buffer | undefined> {
    try {
      this.#reading ??= this.#iterator.next();
      let timer: NodeJS.Timeout | undefined;
      const quiet = this.#stopped.then(
        () =>
          new Promise<undefined>((resolve) => {
            timer = setTimeout(resolve, quietMs, undefined);
          }),
      );
      const result = await Promise.race([this.#reading, quiet]);
      clearTimeout(timer);
      if (result === undefined) return undefined;
      this.#reading = undefined;
      if (result.done === true) return undefined;
      return Buffer.isBuffer(result.value) ? result.value : Buffer.from(String(result.value));
    } catch (cause) {
      throw new TamperError('READ_FAILED', 'standard input cannot be read', { cause });
    }
  }
}
