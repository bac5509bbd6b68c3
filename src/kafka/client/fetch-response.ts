import type { Reader } from '@platformatic/kafka';
import { committedRecords, type FetchedPartition } from './committed-records.ts';
import type { KafkaClient } from './load-client.ts';
import { Room, recordBatches } from './record-batches.ts';

/** What a fetch brought: partitions with records, and those whose offset the broker does not have. */
export interface Fetched {
  readonly partitions: readonly FetchedPartition[];
  readonly outOfRange: readonly number[];
}

export const FETCH = 1;
const OFFSET_OUT_OF_RANGE = 1;

/**
 * Reads the answer to a fetch, versions 13 to 17, from `positions` on.
 *
 * @param party - whom to name in errors
 * @throws {@link TamperError} `RESPONSE_MALFORMED`; the client's error for what a broker refuses
 */
export function readFetched(
  library: KafkaClient,
  version: number,
  reader: Reader,
  positions: ReadonlyMap<number, number>,
  party: string,
): Fetched {
  const partitions: FetchedPartition[] = [];
  const outOfRange: number[] = [];
  const errors: Record<string, [number, null]> = {};
  const refused = (path: string, code: number): void => {
    if (code !== 0) errors[path] = [code, null];
  };
  const room = new Room();
  reader.readInt32(); // for how long it throttles us
  refused('', reader.readInt16());
  reader.readInt32(); // the session, of which there is none
  reader.readArray((topic) => {
    topic.readUUID();
    topic.readArray((one) => {
      const partition = one.readInt32();
      const code = one.readInt16();
      one.readInt64(); // the high watermark
      one.readInt64(); // the last stable offset
      const start = Number(one.readInt64());
      const aborted = one.readNullableArray((each) => ({
        producerId: each.readInt64(),
        firstOffset: each.readInt64(),
      }));
      one.readInt32(); // the replica that it prefers
      const bytes = one.readBytes();
      if (code === OFFSET_OUT_OF_RANGE) outOfRange.push(partition);
      else refused(`/partitions/${partition}`, code);
      if (code === 0) {
        const batches = recordBatches(library, bytes, room, party);
        partitions.push({
          partition,
          start,
          ...committedRecords(batches, aborted ?? [], positions.get(partition) ?? 0),
        });
      }
    });
  });
  if (Object.keys(errors).length > 0) throw new library.ResponseError(FETCH, version, errors, {});
  return { partitions, outOfRange };
}
