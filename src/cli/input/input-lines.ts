import { TamperError } from '../../errors.ts';
import { type Lines, WholeLines } from '../../internal.ts';
import type { InputBytes } from './input-bytes.ts';

/** After a stop: how long the input must be quiet before it is taken as ended, in milliseconds. */
const quietMs = 200;
/** After a stop: how long what comes is taken at most, in milliseconds. */
const longestMs = 2_000;
/** After a failure: how much is taken at most, in bytes. No pipe holds more unless it is told to (`/proc/sys/fs/pipe-max-size`). */
const PIPE_BYTES = 1_048_576;

/**
 * Whole lines of an input, as many at a time as come; the last one may lack its LF. After a stop what still comes is
 * taken, until nothing has come for 200 ms, for two seconds at most: a producer that the same signal ends has its last words
 * in the pipe, and one that goes on must not hold us up. What is not taken then stays in the pipe, for whoever reads on.
 */
export class InputLines {
  readonly #input: InputBytes;
  /** When a stop came, by the clock that only goes forward, in milliseconds. */
  #stoppedAt: number | undefined;
  #failure: Error | undefined;
  /** How much was taken, in bytes. */
  #taken = 0;
  /** How much of that was taken after the failure. */
  #takenLate = 0;
  #whenStopped: (() => void) | undefined;
  #whenFailed: ((error: Error) => void) | undefined;
  readonly #lines: WholeLines = new WholeLines();
  #reading: Promise<Buffer | undefined> | undefined;
  #ended = false;
  #inputEnded = false;

  constructor(input: InputBytes, stopped: Promise<void>) {
    this.#input = input;
    void stopped.then(() => this.#stop());
  }

  /** Whether {@link InputLines.next} throws what {@link InputLines.fail} was given. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** How many bytes were taken of an input that goes on behind them and keeps nothing; undefined if nothing is left behind. */
  get leftBehind(): number | undefined {
    return this.#inputEnded || this.#input.stays ? undefined : this.#taken;
  }

  /**
   * The log has ended. What a pipe holds is still given, as after a stop, because nobody else can read it any more; then
   * whoever asks gets this error.
   */
  fail(error: Error): void {
    this.#failure ??= error;
    if (this.#input.stays) {
      this.#letGo();
      this.#whenFailed?.(error);
    } else {
      this.#stop();
    }
  }

  #stop(): void {
    this.#stoppedAt ??= performance.now();
    this.#whenStopped?.();
  }

  /** @returns lines that are good until this is called again; undefined at the end. @throws READ_FAILED, and what {@link InputLines.fail} was given */
  async next(): Promise<Lines | undefined> {
    while (!this.#ended) {
      const chunk = this.#isLate() ? undefined : await this.#read();
      if (chunk === undefined) break;
      const lines = this.#lines.add(chunk, this.#input.room);
      if (lines !== undefined) return lines;
    }
    this.#ended = true;
    this.#letGo();
    const last = this.#lines.end();
    if (last === undefined && this.#failure !== undefined) throw this.#failure;
    return last;
  }

  /** Lets go of the input, which would keep the process alive. */
  close(): void {
    this.#ended = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#reading?.catch(() => undefined); // it ends with the input, and nobody waits for it any more
    this.#input.close();
  }

  /** Whether enough was taken after a stop. */
  #isLate(): boolean {
    if (this.#takenLate >= PIPE_BYTES) return true;
    return this.#stoppedAt !== undefined && performance.now() - this.#stoppedAt > longestMs;
  }

  async #read(): Promise<Buffer | undefined> {
    if (this.#failure !== undefined && this.#input.stays) throw this.#failure;
    this.#reading ??= this.#input.next();
    const chunk = await this.#unlessOver(this.#reading);
    this.#reading = undefined;
    const length = chunk?.length ?? 0;
    this.#taken += length;
    if (this.#failure !== undefined) this.#takenLate += length;
    return chunk;
  }

  /**
   * What is read; undefined where the input is quiet after a stop. One wait follows the other and nothing outlives it: a
   * race with a promise that stays pending would hold every chunk that was ever read.
   */
  async #unlessOver(reading: Promise<Buffer | undefined>): Promise<Buffer | undefined> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#whenStopped = () => {
          // what came while the process was busy is looked for once more
          timer = setTimeout(() => setImmediate(resolve, undefined), quietMs);
        };
        this.#whenFailed = reject;
        if (this.#stoppedAt !== undefined) this.#whenStopped();
        const take = (bytes: Buffer | undefined): void => {
          if (!this.#ended) this.#inputEnded = bytes === undefined; // else it is our own close that ends it
          resolve(bytes);
        };
        reading.then(take, (cause: unknown) => {
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
