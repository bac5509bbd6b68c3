import type { RecordBatch } from './record-batches.ts';

/** A record of a topic. */
export interface TopicRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** What one fetch brought of a partition. */
export interface FetchedPartition {
  readonly partition: number;
  readonly records: readonly TopicRecord[];
  /** The offset to read next: markers and aborted records are behind it too. */
  readonly next: number;
  /** The first offset that the broker still has. */
  readonly start: number;
}

/** A transaction that came to nothing, as a broker lists it. */
interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

const IS_TRANSACTIONAL = 1 << 4;
const IS_CONTROL = 1 << 5;
const ABORT = 0;

/**
 * The records at and above `from` that count, as a consumer with `isolation.level=read_committed` sees them: no markers, and
 * nothing of transactions that were aborted. What the client filters by itself misses the second one of a producer in a fetch.
 */
export function committedRecords(
  batches: Iterable<RecordBatch>,
  abortedTransactions: readonly AbortedTransaction[],
  from: number,
): Pick<FetchedPartition, 'records' | 'next'> {
  const aborted = [...abortedTransactions].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborting = new Set<bigint>();
  const records: TopicRecord[] = [];
  let next = from;
  for (const batch of batches) {
    const first = Number(batch.firstOffset);
    const last = first + batch.lastOffsetDelta;
    while ((aborted[0]?.firstOffset ?? Number.MAX_SAFE_INTEGER) <= last) {
      const begun = aborted.shift();
      if (begun !== undefined) aborting.add(begun.producerId);
    }
    if (batch.attributes & IS_CONTROL) {
      if (isAbort(batch)) aborting.delete(batch.producerId);
    } else if (!(batch.attributes & IS_TRANSACTIONAL) || !aborting.has(batch.producerId)) {
      for (const { offsetDelta, key, value } of batch.records()) {
        if (first + offsetDelta >= from) records.push({ offset: first + offsetDelta, key, value });
      }
    }
    next = Math.max(next, last + 1);
  }
  return { records, next };
}

/** A marker's key: version and type, two bytes each. */
function isAbort(batch: RecordBatch): boolean {
  const [first] = batch.records();
  const key = first?.key;
  return key !== null && key !== undefined && key.length >= 4 && key.readInt16BE(2) === ABORT;
}
