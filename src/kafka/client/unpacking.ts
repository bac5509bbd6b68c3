import zlib from 'node:zlib';
import { systemCode } from '../../errors.ts';
import type { KafkaClient } from './load-client.ts';
import { lz4Unpacked } from './lz4.ts';
import { snappyUnpacked } from './snappy.ts';

/** What a batch of records becomes when it is unpacked is bounded here: the client limits nothing, and holds much of it several times. */

/** No batch is larger when it is unpacked, in bytes. */
export const LONGEST_BATCH: number = 32 * 1024 * 1024;
/** How much is made room for at once, in bytes. */
const CHUNK = 16 * 1024;
/** Node.js 22.15 and later know it. */
const { zstdDecompressSync: zstd } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };

/**
 * Unpacks the records of a batch.
 *
 * @param kind - as the attributes of a batch name it; 0: they are not packed
 * @param most - in bytes
 * @returns undefined if they become longer than `most`
 * @throws what the client throws
 */
export function unpacked(
  { compressionsAlgorithms, UnsupportedCompressionError }: KafkaClient,
  kind: number,
  packed: Buffer,
  most: number,
): Buffer | undefined {
  switch (kind) {
    case 0:
      return packed.length > most ? undefined : packed;
    case compressionsAlgorithms.gzip.bitmask:
      return inflated(zlib.gunzipSync, packed, most, packed.length < 4 ? 0 : packed.readUInt32LE(packed.length - 4));
    case compressionsAlgorithms.snappy.bitmask:
      return snappyUnpacked(packed, most);
    case compressionsAlgorithms.lz4.bitmask:
      return lz4Unpacked(packed, most);
    case compressionsAlgorithms.zstd.bitmask:
      return zstd === undefined
        ? compressionsAlgorithms.zstd.decompressSync(packed)
        : inflated(zstd, packed, most, most);
    default:
      throw new UnsupportedCompressionError(`Unsupported compression algorithm with bitmask ${kind}`);
  }
}

/** @param expected - how much it may become: with room for that, nothing is put together afterwards */
function inflated(inflate: typeof zlib.gunzipSync, packed: Buffer, most: number, expected: number): Buffer | undefined {
  const chunkSize = Math.max(CHUNK, Math.min(expected, most) + 1);
  try {
    return inflate(packed, { maxOutputLength: Math.max(1, most), chunkSize });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}
