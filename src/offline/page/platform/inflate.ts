import { Z_BUF_ERROR, Z_OK, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2 } from 'pako';
import { Buffer } from './buffer.ts';

/**
 * Takes the place of `verify/input/inflate.ts`: raw deflate by pako, a port of zlib, whose messages it has. It gives what
 * Node's stream gives, and as much of it where the data is damaged.
 */

const CHUNK = 1024 * 1024;
const SMALL_CHUNK = 64 * 1024;
/** Of raw deflate, with the largest window. */
const WINDOW_BITS = -15;
const NO_FLUSH = 0;

class Damaged extends Error {}

/** One stream of raw deflate. */
class Inflating {
  readonly #stream = new ZStream();
  readonly #chunk: number;
  ended = false;

  constructor(chunk: number) {
    this.#chunk = chunk;
    zlibInflateInit2(this.#stream, WINDOW_BITS);
    this.#stream.output = new Uint8Array(0);
    this.#stream.avail_out = 0;
  }

  /** How many compressed bytes were used. */
  get used(): number {
    return this.#stream.total_in;
  }

  /** What a piece gives, a chunk at a time. What one call of zlib has given is lost where that call fails, as in Node. */
  *push(piece: Uint8Array): Generator<Buffer> {
    const stream = this.#stream;
    stream.input = piece;
    stream.next_in = 0;
    stream.avail_in = piece.length;
    do {
      if (stream.avail_out === 0) {
        stream.output = new Uint8Array(this.#chunk);
        stream.next_out = 0;
        stream.avail_out = this.#chunk;
      }
      const { output, next_out: start } = stream;
      const status = zlibInflate(stream, NO_FLUSH);
      if (status !== Z_OK && status !== Z_STREAM_END && status !== Z_BUF_ERROR) throw new Damaged(stream.msg);
      this.ended = status === Z_STREAM_END;
      if (stream.next_out > start) yield Buffer.from(output.buffer, start, stream.next_out - start);
    } while (!this.ended && stream.avail_out === 0);
  }
}

export interface Inflated {
  readonly data: Buffer;
  readonly length: number;
}

/** As `inflateAtOnce` of `verify/input/inflate.ts`. */
export function inflateAtOnce(bytes: Buffer, limit: number): Inflated | undefined {
  const inflating = new Inflating(SMALL_CHUNK);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for (const chunk of inflating.push(bytes)) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > limit) return undefined;
    }
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
  return inflating.ended ? { data: Buffer.concat(chunks), length: inflating.used } : undefined;
}

/** As `inflate` of `verify/input/inflate.ts`. */
export async function* inflate(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, number> {
  const inflating = new Inflating(CHUNK);
  for await (const piece of pieces) {
    yield* inflating.push(piece);
    if (inflating.ended) return inflating.used;
  }
  throw new Damaged('unexpected end of file');
}

/** As `isInflateError` of `verify/input/inflate.ts`. */
export function isInflateError(error: unknown): error is Error {
  return error instanceof Damaged;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 (RFC 1952, 8), as `crc32` of Node.js. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}
