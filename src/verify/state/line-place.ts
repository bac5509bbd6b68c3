import type { Place } from '../model/findings.ts';

/** Where the line in hand is. */
export class LinePlace {
  #file = '';
  #line = 0;
  #offset = 0;

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
  }

  /** The next line of the file, counted from 1. */
  at(line: number, offset: number): void {
    this.#line = line;
    this.#offset = offset;
  }

  here(seq?: number): Place {
    const place =
      this.#line === 0 ? { file: this.#file } : { file: this.#file, line: this.#line, offset: this.#offset };
    return seq === undefined ? place : { ...place, seq };
  }
}
