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
  #isStopped = false;
  #failure: Error | undefined;
  #whenStopped: (() => void) | undefined;
  #whenFailed: ((error: Error) => void) | undefined;
  /** Pieces of a line that has not ended yet. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #reading: Promise<IteratorResult<unknown>> | undefined;
  #ended = false;

  constructor(stream: Readable, stopped: Promise<void>) {
    this.#stream = stream;
    this.#iterator = stream.iterator({ destroyOnReturn: true });
    void stopped.then(() => {
      this.#isStopped = true;
      this.#whenStopped?.();
    });
  }

  /** Whether {@link InputLines.next} throws what {@link InputLines.fail} was given. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Nobody can take lines any more: whoever waits for some gets this error, and whoever asks. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#whenFailed?.(error);
  }

  /** @returns undefined at the end. @throws READ_FAILED, and what {@link InputLines.fail} was given */
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
    if (this.#failure !== undefined) throw this.#failure;
    this.#reading ??= this.#iterator.next();
    const result = await this.#unlessOver(this.#reading);
    if (result === undefined) return undefined;
    this.#reading = undefined;
    if (result.done === true) return undefined;
    return Buffer.isBuffer(result.value) ? result.value : Buffer.from(String(result.value));
  }

  /**
   * What is read; undefined where the input is quiet after a stop. One wait follows the other and nothing outlives it: a
   * race with a promise that stays pending would hold every chunk that was ever read.
   */
  async #unlessOver(reading: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown> | undefined> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#whenStopped = () => {
          timer = setTimeout(resolve, quietMs, undefined);
        };
        this.#whenFailed = reject;
        if (this.#isStopped) this.#whenStopped();
        reading.then(resolve, (cause: unknown) => {
          reject(new TamperError('READ_FAILED', 'standard input cannot be read', { cause }));
        });
      });
    } finally {
      clearTimeout(timer);
      this.#whenStopped = undefined;
      this.#whenFailed = undefined;
    }
  }
}
