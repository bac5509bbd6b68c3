import { Writable } from 'node:stream';
import { asError } from '../errors.ts';
import { type Lines, WholeLines } from './intake/whole-lines.ts';

/** How much waits in the stream itself before its producer is held back, in bytes. */
const HIGH_WATER_MARK = 1_048_576;
/** After `end`: how long a sealer that takes no more is waited for, in milliseconds. */
const PATIENCE = 1_500;

/** What a {@link SealerStream} needs of its sealer. */
export interface LineTaker {
  write(chunk: string | Uint8Array): boolean;
  writePiece(piece: Uint8Array): boolean;
  once(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
  flush(done?: (error?: Error) => void): Promise<void>;
  flushSync(): void;
  close(): Promise<void>;
}

/**
 * A sealer as a `Writable` of bytes: chunks may end anywhere, LF ends a line, and the producer is held back while the sealer
 * is. `end` seals what is left and closes the sealer. So does `destroy`: what was taken is to be sealed, whatever ended the
 * source.
 */
export class SealerStream extends Writable {
  readonly #sealer: LineTaker;
  readonly #lines: WholeLines = new WholeLines();
  /** Lets the producer go on that is held back. */
  #release: (() => void) | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** Whether a producer is held back at all. */
  #waits = true;

  constructor(sealer: LineTaker) {
    super({ decodeStrings: false, highWaterMark: HIGH_WATER_MARK });
    this.#sealer = sealer;
  }

  /** As {@link Sealer.flush}, for all that was written before, but a last line whose end has not come. */
  flush(done?: (error?: Error) => void): Promise<void> {
    if (this.writableLength === 0 || this.writableEnded) return this.#sealer.flush(done);
    return new Promise((passed) => this.write('', passed)).then(() => this.#sealer.flush(done));
  }

  /** As {@link Sealer.flushSync}. */
  flushSync(): void {
    this.#sealer.flushSync();
  }

  /** Hands on all that waits, and a last line that lacks its LF, because no more comes. For the sealer itself, when it is closed. */
  takeLast(): void {
    this.#waits = false;
    while (this.writableCorked > 0) this.uncork();
    this.#letGo();
    this.#pass(this.#lines.end());
  }

  override destroy(error?: Error): this {
    this.takeLast(); // a destroyed stream drops what waits in it
    return super.destroy(error);
  }

  override end(...given: unknown[]): this {
    super.end(...(given as []));
    if (this.#release !== undefined) this.#beImpatient();
    return this;
  }

  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: () => void): void {
    if (this.#take(chunk, encoding) || !this.#waits) done();
    else this.#wait(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    clearTimeout(this.#patience);
    this.takeLast();
    this.#sealer.close().then(
      () => done(),
      (failure: unknown) => done(asError(failure)),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#patience);
    this.#sealer.close().then(
      () => done(error),
      (failure: unknown) => done(error ?? asError(failure)),
    );
  }

  #take(chunk: string | Buffer, encoding: BufferEncoding): boolean {
    const isText = typeof chunk === 'string' && (encoding === 'utf8' || encoding === 'utf-8');
    if (isText && chunk.endsWith('\n') && !this.#lines.hasBegun) return this.#sealer.write(chunk);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    return this.#pass(this.#lines.add(bytes));
  }

  #pass(lines: Lines | undefined): boolean {
    if (lines === undefined) return true;
    return lines.goesOn ? this.#sealer.writePiece(lines.bytes) : this.#sealer.write(lines.bytes);
  }

  #wait(done: () => void): void {
    const drained = (): void => {
      this.#release = undefined;
      done();
    };
    this.#release = drained;
    this.#sealer.once('drain', drained);
    if (this.writableEnded) this.#beImpatient();
  }

  #beImpatient(): void {
    this.#patience ??= setTimeout(() => {
      this.#waits = false; // the sealer's own end deals with what it cannot take: kept for the next start, or counted
      this.#letGo();
    }, PATIENCE);
  }

  #letGo(): void {
    const release = this.#release;
    if (release === undefined) return;
    this.#sealer.off('drain', release);
    release();
  }
}
