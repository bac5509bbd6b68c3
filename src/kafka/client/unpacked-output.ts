/** For fewer bytes a call of `copyWithin` takes longer than a loop. */
const SHORT = 64;

/** What is unpacked, in one piece: nothing is held twice. */
export class Output {
  readonly #bytes: Buffer;
  #length = 0;

  /** @param expected - at most this comes; no more than `most` is taken. In bytes */
  constructor(expected: number, most: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(expected, most)));
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @returns whether there was room @throws RangeError if there is not so much */
  copy(from: Buffer, at: number, length: number): boolean {
    if (at + length > from.length) throw new RangeError('text that is cut off');
    if (length > this.#bytes.length - this.#length) return false;
    this.#length += from.copy(this.#bytes, this.#length, at, at + length);
    return true;
  }

  /** Repeats what came `back` bytes ago; it may run into what it adds. @returns whether there was room @throws RangeError */
  repeat(back: number, length: number): boolean {
    if (back === 0 || back > this.#length) throw new RangeError('a repetition of what is not there');
    if (length > this.#bytes.length - this.#length) return false;
    const bytes = this.#bytes;
    const end = this.#length + length;
    if (length > SHORT && back >= length) bytes.copyWithin(this.#length, this.#length - back, end - back);
    else for (let at = this.#length; at < end; at++) bytes[at] = bytes[at - back] as number;
    this.#length = end;
    return true;
  }
}
