import { decodeUtf8, isJson } from '../format/entry.ts';
import { inputForm, recordHead, trimInputLine } from '../format/record.ts';
import type { StreamWriter } from './stream-writer.ts';

const LF = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** The most bytes that a UTF-16 code unit becomes in UTF-8. */
const BYTES_A_UNIT = 3;

/** How input lines become records. */
export interface IntakeOptions {
  readonly maxLineBytes: number;
  /** Whether a line with a member `integrity` of its own is wrapped as text. */
  readonly wrapIntegrity: boolean;
}

/** Turns input lines into records (spec 1, "From input to record"). */
export class LineIntake {
  readonly #stream: StreamWriter;
  readonly #maxLineBytes: number;
  readonly #wrapIntegrity: boolean;

  constructor(stream: StreamWriter, options: IntakeOptions) {
    this.#stream = stream;
    this.#maxLineBytes = options.maxLineBytes;
    this.#wrapIntegrity = options.wrapIntegrity;
  }

  /** Takes whole lines; the last one may lack its LF. */
  take(chunk: string | Uint8Array): void {
    if (typeof chunk === 'string') this.#takeText(chunk, false);
    else this.#takeBytes(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }

  /** Takes one line of which the caller knows that it is one JSON object. */
  takeObject(line: string): void {
    this.#takeText(line, true);
  }

  #takeText(chunk: string, isObject: boolean): void {
    let lf = chunk.indexOf('\n');
    if (lf < 0 || lf === chunk.length - 1) {
      this.#line(lf < 0 ? chunk : withoutEnd(chunk, 0, lf), isObject);
      return;
    }
    let from = 0;
    for (; lf >= 0; lf = chunk.indexOf('\n', from)) {
      this.#line(withoutEnd(chunk, from, lf), false);
      from = lf + 1;
    }
    if (from < chunk.length) this.#line(chunk.slice(from), false);
  }

  #takeBytes(chunk: Buffer): void {
    let from = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, from)) {
      this.#bytes(chunk, from, trimInputLine(chunk, from, lf));
      from = lf + 1;
    }
    if (from < chunk.length || chunk.length === 0) this.#bytes(chunk, from, chunk.length);
  }

  #line(line: string, isObject: boolean): void {
    const braced = line.charCodeAt(0) === OPEN_BRACE && line.charCodeAt(line.length - 1) === CLOSE_BRACE;
    const short = line.length * BYTES_A_UNIT <= this.#maxLineBytes;
    if (braced && short && (isObject || isJson(line)) && !this.#mustWrap(line)) {
      this.#stream.object(line);
      return;
    }
    const bytes = Buffer.from(line, 'utf8');
    this.#bytes(bytes, 0, bytes.length);
  }

  #bytes(from: Buffer, start: number, end: number): void {
    if (end - start > this.#maxLineBytes) {
      this.#parts(from, start, end);
      return;
    }
    const line = from.subarray(start, end);
    const form = inputForm(line);
    if (form !== 'object') this.#stream.wrapped(recordHead(line, form), form);
    else if (this.#mustWrap(line)) this.#stream.wrapped(recordHead(line, 'text'), 'text');
    else this.#stream.objectBytes(from, start, end);
  }

  /** Whether the object has a member `integrity` of its own and `on_integrity: wrap` asks for care. */
  #mustWrap(line: string | Buffer): boolean {
    if (!this.#wrapIntegrity) return false;
    const text = typeof line === 'string' ? line : (decodeUtf8(line) ?? '');
    return Object.hasOwn(JSON.parse(text) as object, 'integrity');
  }

  /** A line over `max_line_bytes`: consecutive base64 records, with no seal between where that can be helped. */
  #parts(from: Buffer, start: number, end: number): void {
    const size = this.#maxLineBytes;
    const count = Math.ceil((end - start) / size);
    const stream = this.#stream;
    if (stream.sinceSeal > 0 && count > stream.roomBeforeSeal) stream.seal();
    for (let number = 1; number <= count; number++) {
      const at = start + (number - 1) * size;
      const piece = from.subarray(at, Math.min(at + size, end));
      stream.wrapped(recordHead(piece, 'base64'), 'base64', { number, last: number === count });
    }
  }
}

/** `chunk[from, lf)` without the one CR that may stand before the LF. */
function withoutEnd(chunk: string, from: number, lf: number): string {
  return chunk.slice(from, lf > from && chunk.charCodeAt(lf - 1) === 0x0d ? lf - 1 : lf);
}
