import zlib from 'node:zlib';
import type { KafkaClient } from './load-client.ts';

/**
 * Batches are unpacked and read by the client as a whole, and nothing of its own limits how large they become. Meanwhile ours stands
 * in the place of what it unpacks and reads with.
 */

/** The batches of an answer become no longer when they are unpacked, in bytes, */
const LONGEST: number = 20 * 2 ** 20;
/** the answer included, in bytes: whatever its compression, a batch of one line of the greatest length can be read, */
const LONGEST_IN_ALL: number = 33 * 2 ** 20;
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
type AnswerReader = InstanceType<KafkaClient['Reader']>;

class TooLarge extends Error {}

/** An answer of which nothing was unpacked or read, as it becomes too large. */
export interface TooLargeAnswer {
  /** Where its only batch is, by partition; undefined: it holds several. */
  readonly onlyIn: number | undefined;
}

/** How the client reads the items of an array, one after another. */
interface ArrayReader {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the items are
  readVarIntArray: (this: any, each: (reader: any, at: number) => unknown) => unknown[];
}

/** Where a batch says how long it is, from behind its length on, and how many records it holds; and where these begin. */
const BATCH = { length: 8, head: 12, attributes: 21, count: 57, records: 61 } as const;

/**
 * Reads what `read` reads of a broker's answer to a fetch, at once.
 *
 * @param answer - nothing of it is copied before its batches have said how large they become
 */
export function withBoundedBatches<T>(
  { compressionsAlgorithms, Reader }: KafkaClient,
  answer: AnswerReader,
  read: (whole: AnswerReader) => T,
): T | TooLargeAnswer {
  const { records: said, partitions } = countedBatches(answer);
  const tooLarge = { onlyIn: partitions.length === 1 ? partitions[0] : undefined };
  if (said > MOST_RECORDS) return tooLarge;
  const algorithms: Record<keyof typeof bounded, { decompressSync: Unpack }> = compressionsAlgorithms;
  const before = names.map((name) => [name, algorithms[name].decompressSync] as const);
  let room = Math.min(LONGEST, LONGEST_IN_ALL - answer.length);
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
    return read(Reader.from(answer.buffer.slice())); // in pieces each read would look for its piece
  } catch (error) {
    if (error instanceof TooLarge) return tooLarge;
    throw error;
  } finally {
    for (const [name, unpack] of before) algorithms[name].decompressSync = unpack;
    reader.readVarIntArray = readVarIntArray;
  }
}

/** How many records the batches of an answer say that they hold, and the partition of each batch: of no more batches than may be. */
function countedBatches(answer: AnswerReader): { readonly records: number; readonly partitions: readonly number[] } {
  const partitions: number[] = [];
  let records = 0;
  const { position } = answer;
  answer.skip(10); // the time to wait, the error, the session
  answer.readArray((topic) => {
    topic.readUUID();
    topic.readArray((one) => {
      const partition = one.readInt32();
      one.skip(26); // the error, and three offsets
      one.readArray((aborted) => aborted.skip(16));
      one.skip(4); // the preferred replica
      const size = Math.max(0, one.readUnsignedVarInt() - 1);
      for (let at = one.position, end = at + size; end - at >= BATCH.records && records <= MOST_RECORDS; ) {
        const length = BATCH.head + Math.max(BATCH.records - BATCH.head, one.peekInt32(at + BATCH.length));
        if (length > end - at) break; // the last one may be cut, and is not read
        records += Math.max(1, one.peekInt32(at + BATCH.count));
        partitions.push(partition);
        at += length;
      }
      one.skip(size);
    });
  });
  answer.position = position;
  return { records, partitions };
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
  gzip: (packed, room) => {
    // what it says of itself in its last bytes spares the parts from being put together
    const said = packed.length < 4 ? 0 : packed.readUInt32LE(packed.length - 4);
    const chunkSize = Math.min(Math.max(said + 1, 2 ** 14), room);
    return inflated(() => zlib.gunzipSync(packed, { maxOutputLength: room, chunkSize }));
  },
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
