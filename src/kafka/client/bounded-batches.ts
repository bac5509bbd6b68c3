import zlib from 'node:zlib';
import { TamperError } from '../../errors.ts';
import type { KafkaClient } from './load-client.ts';

/** Batches are unpacked by the client as a whole, and nothing of its own limits how large they become. */

/** No batch is larger when it is unpacked, in bytes. */
const LONGEST = 32 * 1024 * 1024;
const XERIAL = Buffer.from('\x82SNAPPY\0', 'latin1');
const XERIAL_HEAD = 16;
/** The largest block of a frame of LZ4, by its code. */
const LZ4_BLOCKS = [0, 0, 0, 0, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22] as const;
const LZ4_HEAD = 6;

type Algorithms = KafkaClient['compressionsAlgorithms'];
type Packed = Parameters<Algorithms['gzip']['decompressSync']>[0];
type Unpack = (packed: Packed) => Buffer;

/**
 * Reads what `read` reads of a broker's answer, at once: meanwhile the client unpacks no batch beyond a limit.
 *
 * @throws {@link TamperError} `RESPONSE_MALFORMED`; what `read` throws
 */
export function withBoundedBatches<T>({ compressionsAlgorithms }: KafkaClient, read: () => T): T {
  const algorithms: Record<keyof typeof bounded, { decompressSync: Unpack }> = compressionsAlgorithms;
  const before = names.map((name) => [name, algorithms[name].decompressSync] as const);
  for (const [name, unpack] of before) {
    algorithms[name].decompressSync = (packed) => bounded[name](bytesOf(packed), () => unpack(packed));
  }
  try {
    return read();
  } finally {
    for (const [name, unpack] of before) algorithms[name].decompressSync = unpack;
  }
}

/** Node.js 22.15 and later know it. */
const { zstdDecompressSync: zstd } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };

type Bounded = (packed: Buffer, unpack: () => Buffer) => Buffer;

const ifShort =
  (lengthOf: (packed: Buffer) => number): Bounded =>
  (packed, unpack) => {
    if (lengthOf(packed) > LONGEST) throw tooLong();
    return unpack();
  };

const bounded = {
  gzip: (packed) => inflated(() => zlib.gunzipSync(packed, { maxOutputLength: LONGEST })),
  zstd: (packed, unpack) =>
    zstd === undefined ? unpack() : inflated(() => zstd(packed, { maxOutputLength: LONGEST })),
  snappy: ifShort(snappyLength),
  lz4: ifShort(lz4Length),
} satisfies Partial<Record<keyof Algorithms, Bounded>>;
const names = Object.keys(bounded) as (keyof typeof bounded)[];

function inflated(inflate: () => Buffer): Buffer {
  try {
    return inflate();
  } catch (error) {
    throw error instanceof RangeError ? tooLong() : error;
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

function tooLong(): TamperError {
  return new TamperError(
    'RESPONSE_MALFORMED',
    `a batch of records becomes longer than ${LONGEST} bytes when it is unpacked`,
    {
      hint: 'Find out who wrote it: keep strangers from writing to the topic.',
    },
  );
}
