import type { Place } from '../model/findings.ts';
import { type QuotedLine, quoteLine } from '../model/quoted-line.ts';

/** Where the line in hand is. */
export class LinePlace {
  #file = '';
  #line = 0;
  #offset = 0;
  #bytes: Buffer | undefined;
  #start = 0;
  #end = 0;

  get file(): string {
    return this.#file;
  }

  /** Byte of the file at which the line begins. */
  get offset(): number {
    return this.#offset;
  }

  /** A file begins; no line of it is in hand yet. */
  beginFile(file: string): void {
    this.#file = file;
    this.#line = 0;
    this.#offset = 0;
    this.letGo();
  }

  /** The next line of the file, counted from 1. */
  at(line: number, offset: number): void {
    this.#line = line;
    this.#offset = offset;
  }

  /** The line in hand is `bytes[start, end)`, until {@link letGo}. */
  hold(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** The bytes of the line are not good any more. */
  letGo(): void {
    this.#bytes = undefined;
  }

  /** The line in hand; undefined where there is none. */
  get quoted(): QuotedLine | undefined {
    return this.#bytes === undefined ? undefined : quoteLine(this.#bytes, this.#start, this.#end);
  }

  here(seq?: number): Place {
    const place =
      this.#line === 0 ? { file: this.#file } : { file: this.#file, line: this.#line, offset: this.#offset };
    return seq === undefined ? place : { ...place, seq };
  }
}
