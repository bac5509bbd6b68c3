const LF = 0x0a;
const CR = 0x0d;
/** How much is gathered at most, in bytes. */
const ROOM = 65_536;
/** The most bytes that a UTF-16 code unit becomes in UTF-8. */
const BYTES_A_UNIT = 3;
/** The most bytes that are added to a line. */
const LINE_END = 2;

/** Lines that came one by one in this turn of the event loop, gathered so that they are sealed as a batch. They do not wait. */
export class GatheredLines {
  #bytes: Buffer | undefined;
  /** What was taken out last: whoever takes it may be given lines meanwhile. */
  #taken: Buffer | undefined;
  #end = 0;
  #areObjects = false;

  get isEmpty(): boolean {
    return this.#end === 0;
  }

  /** How much was gathered, in bytes. */
  get bytes(): number {
    return this.#end;
  }

  /** Whether the caller knew of each line that it is one JSON object. */
  get areObjects(): boolean {
    return this.#areObjects;
  }

  /**
   * Adds whole lines; the last one may lack its LF.
   *
   * @returns false where they do not go with what is there, or are too long
   */
  add(chunk: string, isObject: boolean): boolean {
    if (this.#end > 0 && isObject !== this.#areObjects) return false;
    if (this.#end + chunk.length * BYTES_A_UNIT + LINE_END > ROOM) return false;
    if (isObject && !isOneObject(chunk)) return false;
    this.#bytes ??= Buffer.allocUnsafeSlow(ROOM);
    const bytes = this.#bytes;
    this.#areObjects = isObject;
    const begin = this.#end;
    let end = begin + bytes.write(chunk, begin);
    if (end === begin || bytes[end - 1] !== LF) {
      if (end > begin && bytes[end - 1] === CR) bytes[end++] = CR; // it belongs to the line, so one more stands before the LF
      bytes[end++] = LF;
    }
    this.#end = end;
    return true;
  }

  /** All that was gathered, taken out: good until the next time. */
  takeAll(): Buffer {
    const all = (this.#bytes ?? Buffer.alloc(0)).subarray(0, this.#end);
    [this.#bytes, this.#taken] = [this.#taken, this.#bytes];
    this.#end = 0;
    return all;
  }
}

/** Whether a line that is said to be an object can be taken as one: what it is made of is the caller's word. */
function isOneObject(line: string): boolean {
  return line.charCodeAt(0) === 0x7b && line.charCodeAt(line.length - 1) === 0x7d && !line.includes('\n');
}
