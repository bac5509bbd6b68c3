import { isUint8Array } from 'node:util/types';
import { isError, TamperError } from '../../errors.ts';
import { decodeUtf8, isJson } from '../../format/entry.ts';
import { inputForm, recordHead, trimInputLine } from '../../format/record.ts';
import type { StreamWriter } from '../stream/stream-writer.ts';
import { Turn } from './turn.ts';

const LF = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** The most bytes that a UTF-16 code unit becomes in UTF-8. */
const BYTES_A_UNIT = 3;
/** The most bytes that end a line. */
const LINE_END = 2;
/** So many lines, and bytes of them, are taken at once: in TypeScript about a third of what a turn may last, natively far less. */
const BATCH_LINES = 2_048;
const BATCH_BYTES = 262_144;

/** A line over `max_line_bytes` of which some parts are in the log and the rest is not. */
export interface LongLine {
  /** How many parts; 0 where there is no such line. */
  parts: number;
}

/** How input lines become records. */
export interface IntakeOptions {
  readonly maxLineBytes: number;
  /** Whether a line with a member `integrity` of its own is wrapped as text. */
  readonly wrapIntegrity: boolean;
  readonly longLine: LongLine;
  /** Whether the log takes lines now. Asked before any line, or any batch of them, is taken. */
  readonly takesLines: () => boolean;
  /** Asked before a single line is taken. @returns false if it must wait for another file */
  readonly roomFor: (length: number) => boolean;
}

/**
 * Turns input lines into records (spec 1, "From input to record"). It stops where the sink takes no more and where the
 * turn of the event loop has done its share; what is left is given again later.
 */
export class LineIntake {
  readonly #stream: StreamWriter;
  readonly #options: IntakeOptions;
  readonly #long: LongLine;
  #taken = 0;

  constructor(stream: StreamWriter, options: IntakeOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#long = options.longLine;
  }

  /** The offset in the last bytes that was reached; 0 where text was given, which is taken whole or not at all. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes one line of text, or bytes of several with an LF after each; the last LF may be missing.
   *
   * @param isObject - the caller knows that it is one JSON object
   * @returns whether all of it is in the log
   * @throws what the sink throws; {@link LineIntake.taken} says how far it came
   */
  take(chunk: string | Uint8Array, isObject: boolean): boolean {
    this.#taken = 0;
    if (typeof chunk !== 'string') {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.takeBytes(bytes, 0, bytes.length, undefined);
      return this.#taken === bytes.length;
    }
    return this.#line(chunk.endsWith('\n') ? withoutEnd(chunk) : chunk, isObject);
  }

  /** Takes lines from `bytes[from, to)`; the first one may be the rest of a long one. @param turn - default: one of its own @param areObjects - the caller knows that each is one JSON object */
  takeBytes(bytes: Buffer, from: number, to: number, turn: Turn | undefined, areObjects = false): void {
    const { maxLineBytes } = this.#options;
    let at = from;
    this.#taken = at;
    let share = turn;
    if (!this.#options.takesLines()) return;
    do {
      const several = this.#several(bytes, at, to, share, areObjects);
      if (several !== undefined) {
        share ??= new Turn();
        const { records, taken } = several;
        const goesOn = share.tookLines(records, taken - at);
        at = taken;
        this.#taken = at;
        if (at === to || !goesOn) return;
        continue;
      }
      const window = to - at > maxLineBytes + LINE_END ? at + maxLineBytes + LINE_END : to;
      const lf = window < to ? bytes.subarray(at, window).indexOf(LF) : bytes.indexOf(LF, at) - at;
      const isWhole = lf >= 0 && at + lf < to;
      const end = isWhole ? trimInputLine(bytes, at, at + lf) : to;
      if (!this.#options.roomFor(Math.min(end - at, maxLineBytes))) return;
      if (end - at > maxLineBytes) {
        this.#part(bytes, at, at + maxLineBytes, false, to - at);
        at += maxLineBytes;
      } else {
        if (this.#long.parts > 0) this.#part(bytes, at, end, true, 0);
        else this.#bytes(bytes, at, end);
        at = isWhole ? at + lf + 1 : to;
      }
      const length = at - this.#taken;
      this.#taken = at;
      if (at === to) return;
      share ??= new Turn();
      if (!share.took(length)) return;
    } while (this.#options.takesLines());
  }

  /** Takes whole lines at once, as long as nothing about them is special. @returns undefined where the first one is */
  #several(
    input: Buffer,
    from: number,
    to: number,
    turn: Turn | undefined,
    areObjects: boolean,
  ): { records: number; taken: number } | undefined {
    const { maxLineBytes, wrapIntegrity } = this.#options;
    if (this.#long.parts > 0 || wrapIntegrity) return undefined;
    const records = Math.min(BATCH_LINES, turn?.linesLeft ?? BATCH_LINES);
    const lines = { input, from, to, inputBytes: BATCH_BYTES, areObjects, maxLineBytes, records };
    const sealed = this.#stream.lines(lines);
    return sealed.records === 0 ? undefined : sealed;
  }

  /** Takes a piece of a line whose end comes later. */
  takePiece(bytes: Buffer, from: number, to: number, turn: Turn): void {
    const { takesLines, roomFor, maxLineBytes } = this.#options;
    this.#taken = from;
    while (this.#taken < to && takesLines() && roomFor(maxLineBytes)) {
      const end = Math.min(to, this.#taken + maxLineBytes);
      this.#part(bytes, this.#taken, end, false, 0);
      const goesOn = turn.took(end - this.#taken);
      this.#taken = end;
      if (!goesOn) return;
    }
  }

  /** @returns false for a long line, which is to be given as bytes */
  #line(line: string, isObject: boolean): boolean {
    if (this.#long.parts > 0) return false;
    const braced = line.charCodeAt(0) === OPEN_BRACE && line.charCodeAt(line.length - 1) === CLOSE_BRACE;
    const short = line.length * BYTES_A_UNIT <= this.#options.maxLineBytes;
    if (braced && short && (isObject || isJson(line)) && !this.#mustWrap(line)) {
      this.#stream.object(line);
      return true;
    }
    if (line.length > this.#options.maxLineBytes) return false;
    const bytes = Buffer.from(line, 'utf8');
    if (bytes.length > this.#options.maxLineBytes) return false;
    this.#bytes(bytes, 0, bytes.length);
    return true;
  }

  #bytes(from: Buffer, start: number, end: number): void {
    const line = from.subarray(start, end);
    const form = inputForm(line);
    if (form !== 'object') this.#stream.wrapped(recordHead(line, form), form);
    else if (this.#mustWrap(line)) this.#stream.wrapped(recordHead(line, 'text'), 'text');
    else this.#stream.objectBytes(from, start, end);
  }

  /** Whether the object has a member `integrity` of its own and `on_integrity: wrap` asks for care. */
  #mustWrap(line: string | Buffer): boolean {
    if (!this.#options.wrapIntegrity) return false;
    const text = typeof line === 'string' ? line : (decodeUtf8(line) ?? '');
    return Object.hasOwn(JSON.parse(text) as object, 'integrity');
  }

  /** A part of a line over `max_line_bytes` (M1.11), with no seal between the parts where that can be helped. */
  #part(from: Buffer, start: number, end: number, last: boolean, rest: number): void {
    const stream = this.#stream;
    const count = Math.ceil(rest / this.#options.maxLineBytes);
    if (this.#long.parts === 0) stream.makeRoom(count);
    const piece = from.subarray(start, end);
    const number = this.#long.parts + 1;
    stream.wrapped(recordHead(piece, 'base64'), 'base64', { number, last });
    this.#long.parts = last ? 0 : number;
  }
}

/** A line without its LF, and without the one CR that may stand before it. */
function withoutEnd(line: string): string {
  return line.slice(0, line.endsWith('\r\n') ? -2 : -1);
}

/**
 * Lets through what lines can be read from.
 *
 * @throws {@link TamperError} `USAGE` for anything else, and for bytes that were transferred away
 */
export function checkChunk(chunk: unknown): asserts chunk is string | Uint8Array {
  if (typeof chunk === 'string') return;
  if (!isUint8Array(chunk)) throw notALine(`of type ${chunk === null ? 'null' : typeof chunk}`);
  if (chunk.byteLength === 0 && isDetached(chunk)) throw notALine('whose memory was transferred away');
}

/** @throws {@link TamperError} `USAGE` */
export function checkText(line: unknown): asserts line is string {
  if (typeof line !== 'string') throw notALine(`of type ${line === null ? 'null' : typeof line}`);
}

function isDetached(bytes: Uint8Array): boolean {
  try {
    return new Uint8Array(bytes.buffer, 0, 0).byteLength > 0;
  } catch (error) {
    if (isError(error)) return true; // the engine's only word for it
    throw error;
  }
}

function notALine(what: string): TamperError {
  return new TamperError('USAGE', `a line must be a string or a Uint8Array, not a value ${what}`, {
    hint: 'Pass text, bytes, or JSON.stringify(value). This call logged nothing; the log continues.',
  });
}
