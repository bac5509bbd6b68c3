import zlib from 'node:zlib';
import type { KafkaClient } from './load-client.ts';

/**
 * Batches are unpacked and read by the client as a whole, and nothing of its own limits how large they become. Meanwhile ours stands
 * in the place of what it unpacks and reads with.
 */

/** The batches of an answer become no longer when they are unpacked, in bytes, */
const LONGEST: number = 20 * 2 ** 20;
/** and hold no more records, with their headers: however short one is, it takes some hundred bytes. */
const MOST_RECORDS: number = 2 ** 16;
/** What an answer is that goes beyond, in words. */
export const TOO_LARGE: string = `more than ${LONGEST} bytes when it is unpacked, or more than ${MOST_RECORDS} records`;
const XERIAL = Buffer.from('\x82SNAPPY\0', 'latin1');
const XERIAL_HEAD = 16;
/** The largest block of a frame of LZ4, by its code. */
const LZ4_BLOCKS = [0, 0, 0, 0, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22] as const;
const LZ4_HEAD = 6;

type Algorithms = KafkaClient['compressionsAlgorithms'];
type Packed = Parameters<Algorithms['gzip']['decompressSync']>[0];
type Unpack = (packed: Packed) => Buffer;

class TooLarge extends Error {}

/** How the client reads the items of an array, one after another. */
interface ArrayReader {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the items are
  readVarIntArray: (this: any, each: (reader: any, at: number) => unknown) => unknown[];
}

/**
 * Reads what `read` reads of a broker's answer, at once.
 *
 * @returns undefined if it becomes too large
 */
export function withBoundedBatches<T>({ compressionsAlgorithms, Reader }: KafkaClient, read: () => T): T | undefined {
  const algorithms: Record<keyof typeof bounded, { decompressSync: Unpack }> = compressionsAlgorithms;
  const before = names.map((name) => [name, algorithms[name].decompressSync] as const);
  let room = LONGEST;
  for (const [name, unpack] of before) {
    algorithms[name].decompressSync = (packed) => {
      const unpacked = bounded[name](bytesOf(packed), room, () => unpack(packed));
      room -= unpacked.length;
      return unpacked;
    };
  }
  const reader: ArrayReader = Reader.prototype;
  const { readVarIntArray } = reader; // of the headers of each record, and nothing else
  let records = 0;
  const count = (): void => {
    if (++records > MOST_RECORDS) throw new TooLarge();
  };
  reader.readVarIntArray = function (each) {
    count();
    return readVarIntArray.call(this, (own, at) => {
      count();
      return each(own, at);
    });
  };
  try {
    return read();
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  } finally {
    for (const [name, unpack] of before) algorithms[name].decompressSync = unpack;
    reader.readVarIntArray = readVarIntArray;
  }
}

/** Node.js 22.15 and later know it. */
const { zstdDecompressSync: zstd } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };

type Bounded = (packed: Buffer, room: number, unpack: () => Buffer) => Buffer;

const ifShort =
  (lengthOf: (packed: Buffer) => number): Bounded =>
  (packed, room, unpack) => {
    if (lengthOf(packed) > room) throw new TooLarge();
    return unpack();
  };

const bounded = {
  gzip: (packed, room) => inflated(() => zlib.gunzipSync(packed, { maxOutputLength: room })),
  zstd: (packed, room, unpack) =>
    zstd === undefined ? unpack() : inflated(() => zstd(packed, { maxOutputLength: room })),
  snappy: ifShort(snappyLength),
  lz4: ifShort(lz4Length),
} satisfies Partial<Record<keyof Algorithms, Bounded>>;
const names = Object.keys(bounded) as (keyof typeof bounded)[];

function inflated(inflate: () => Buffer): Buffer {
  try {
    return inflate();
  } catch (error) {
    throw error instanceof RangeError ? new TooLarge() : error;
  }
}

/** What one or several blocks say that they become. */
function snappyLength(packed: Buffer): number {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return varint(packed);
  let length = 0;
  for (let at = XERIAL_HEAD; at + 4 <= packed.length; at += 4 + packed.readUInt32BE(at)) {
    length += varint(packed.subarray(at + 4));
  }
  return length;
}

function varint(bytes: Buffer): number {
  let value = 0;
  for (let at = 0; at < 5; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) break;
  }
  return value;
}

/** At most: as if every block of the frame were full. */
function lz4Length(packed: Buffer): number {
  const flags = packed[4] ?? 0;
  const block = LZ4_BLOCKS[((packed[5] ?? 0) >> 4) & 7] ?? 0;
  const hasLength = (flags & 8) !== 0;
  const sums = (flags & 16) === 0 ? 0 : 4;
  let length = 0;
  for (let at = LZ4_HEAD + (hasLength ? 8 : 0) + 1; at + 4 <= packed.length; ) {
    const size = packed.readUInt32LE(at) & 0x7fff_ffff;
    if (size === 0) break;
    length += block;
    at += 4 + size + sums;
  }
  return length;
}

function bytesOf(packed: Packed): Buffer {
  return Buffer.isBuffer(packed) ? packed : packed.buffer;
}
