import { Readable } from 'node:stream';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { isError, systemCode } from '../../errors.ts';

/** Raw deflate (RFC 1951), and CRC-32, by Node. The page for auditors has a module of its own in this one's place. */

export { crc32 };

const CHUNK = 1024 * 1024;
const SMALL_CHUNK = 4096;

/** Data that was decompressed, and how many compressed bytes it took. */
export interface Inflated {
  readonly data: Buffer;
  readonly length: number;
}

/** What `bytes` begin with, if it ends in them and expands to no more than `limit` bytes; undefined otherwise. */
export function inflateAtOnce(bytes: Buffer, limit: number): Inflated | undefined {
  try {
    const done: unknown = inflateRawSync(bytes, { info: true, maxOutputLength: limit, chunkSize: SMALL_CHUNK });
    const { buffer, engine } = done as { buffer: Buffer; engine: { bytesWritten: number } }; // what `info` makes of it
    return { data: buffer, length: engine.bytesWritten };
  } catch (error) {
    if (isInflateError(error) || (error instanceof RangeError && 'code' in error)) return undefined;
    throw error;
  }
}

/** The data that `pieces` begin with, in chunks; returns how many compressed bytes it took. */
export async function* inflate(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, number> {
  const inflating = createInflateRaw({ chunkSize: CHUNK });
  const raw = Readable.from(pieces, { highWaterMark: 1 });
  raw.on('error', (error) => inflating.destroy(error));
  raw.pipe(inflating);
  try {
    for await (const chunk of inflating) yield chunk as Buffer;
  } finally {
    raw.destroy();
    inflating.destroy();
  }
  return inflating.bytesWritten;
}

/** Whether an error says that the data is damaged. */
export function isInflateError(error: unknown): error is Error {
  return isError(error) && systemCode(error).startsWith('Z_');
}
