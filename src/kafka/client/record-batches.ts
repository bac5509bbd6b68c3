import { TamperError } from '../../errors.ts';
import { unreadable } from '../../foundation/guarded-socket.ts';
import type { KafkaClient } from './load-client.ts';
import { LONGEST_BATCH, unpacked } from './unpacking.ts';

/** Batches of records as a broker stores them (format 2): the client's own reading makes many objects of each record. */

/** A batch. */
export interface RecordBatch {
  readonly firstOffset: bigint;
  /** The offset of its last record, less the first one; records may be missing in between. */
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly producerId: bigint;
  records(): Iterable<StoredRecord>;
}

/** A record of a batch. */
export interface StoredRecord {
  readonly offsetDelta: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

const FORMAT = 2;
/** Where members stand in a batch, in bytes. */
const LENGTH = 8;
const BEGIN = 12;
const MAGIC = 16;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const PRODUCER_ID = 43;
const COUNT = 57;
const RECORDS = 61;
const COMPRESSION = 0b111;
/** So much of several batches is held at once, in bytes. */
const SEVERAL = 8 * 1024 * 1024;
/** What a record takes besides its bytes, in bytes. */
const PER_RECORD = 200;

/** What is taken of one answer: any single batch; several up to a limit, and what is beyond comes with the next answer. */
export class Room {
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** In bytes. */
  get left(): number {
    return this.isEmpty ? LONGEST_BATCH : SEVERAL - this.#used;
  }

  take(size: number): void {
    this.#used += size;
  }
}

/**
 * The batches in what a broker gave of a partition. The last one may be cut off: it comes whole with the next answer.
 *
 * @param party - whom to name in errors
 * @throws {@link TamperError} `RESPONSE_MALFORMED`
 */
export function* recordBatches(library: KafkaClient, bytes: Buffer, room: Room, party: string): Generator<RecordBatch> {
  for (let at = 0; at + RECORDS <= bytes.length; ) {
    const end = at + BEGIN + bytes.readInt32BE(at + LENGTH);
    if (end < at + RECORDS) throw unreadable(party, 'a batch without a head');
    if (end > bytes.length) return;
    const batch = bytes.subarray(at, end);
    if (batch[MAGIC] !== FORMAT || batch.readInt32BE(COUNT) < 0)
      throw unreadable(party, `a batch of format ${batch[MAGIC]}`);
    const attributes = batch.readInt16BE(ATTRIBUTES);
    const count = batch.readInt32BE(COUNT);
    const objects = count * PER_RECORD;
    const content = unpacked(library, attributes & COMPRESSION, batch.subarray(RECORDS), room.left - objects);
    if (content === undefined) {
      if (room.isEmpty) throw tooLong();
      return;
    }
    room.take(objects + content.length);
    yield {
      firstOffset: batch.readBigInt64BE(0),
      lastOffsetDelta: batch.readInt32BE(LAST_OFFSET_DELTA),
      attributes,
      producerId: batch.readBigInt64BE(PRODUCER_ID),
      records: () => storedRecords(content, count, party),
    };
    at = end;
  }
}

function* storedRecords(bytes: Buffer, count: number, party: string): Generator<StoredRecord> {
  let at = 0;
  /** ZigZag, up to 64 bits of which the last 32 count: no length and no place here has more. */
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw unreadable(party, 'a record that is cut off');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw unreadable(party, 'a number that does not end');
  };
  const text = (end: number): Buffer | null => {
    const length = varint();
    if (length < 0) return null;
    if (at + length > end) throw unreadable(party, 'a record that is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  for (let number = 0; number < count; number++) {
    const length = varint();
    const end = at + length;
    if (length < 1 || end > bytes.length) throw unreadable(party, 'a record that is cut off');
    at++; // attributes, of which there are none
    varint(); // its time
    yield { offsetDelta: varint(), key: text(end), value: text(end) };
    at = end; // headers
  }
}

function tooLong(): TamperError {
  return new TamperError(
    'RESPONSE_MALFORMED',
    `a batch of records takes too much when it is unpacked, or has too many records`,
    { hint: 'Find out who wrote it, and keep strangers from writing to the topic.' },
  );
}
