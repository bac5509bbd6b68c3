import { resolve } from 'node:path';
import type { StreamResult } from '../audit/check/stream-result.ts';
import type { AuditMemory } from '../audit/memory/audit-memory.ts';
import { DirectoryMemory } from '../audit/memory/directory-memory.ts';
import { StorageMemory } from '../audit/memory/storage-memory.ts';
import { DirectoryPlace } from '../audit/place/directory-place.ts';
import type { LogPlace } from '../audit/place/log-place.ts';
import { StoragePlace } from '../audit/place/storage-place.ts';
import { type AuditRequest, audit } from '../audit/run/audit.ts';
import type { AuditSummary } from '../audit/run/summary.ts';
import { TamperError } from '../errors.ts';
import { realPathOf } from '../foundation/real-path.ts';
import type { JournalOptions } from '../journal/audit-with-journal.ts';
import { openStorage } from '../providers/open-storage.ts';
import { CountedStorage, type RequestCounts } from '../storage/counted-storage.ts';
import { isLocation, parseLocation } from '../storage/location.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

/** An audit of many streams, by the names of its places. */

/** What to audit, and how. */
export interface StreamsToAudit extends Omit<AuditRequest, 'places' | 'memory' | 'journal'> {
  /** Paths and locations of logs. */
  readonly places: readonly string[];
  /** A directory, or the location of a folder in a bucket. */
  readonly memory: string;
  /** Goes up with each request to a bucket. Default: nothing is counted. */
  readonly requests?: RequestCounts;
  /** Where what it finds is sealed, before anything is remembered. Default: nowhere. */
  readonly journalLog?: JournalOptions | undefined;
}

/** Where an audit takes place. */
export interface OpenedAudit {
  readonly places: readonly LogPlace[];
  readonly memory: AuditMemory;
  readonly close: () => void;
}

/** A compressed file may expand to so many bytes, as for `verify`. */
const MAX_BYTES = 64 * 2 ** 30;

/**
 * Audits many streams. `onResult` gets each as soon as it is done.
 *
 * @throws {@link TamperError} where it could not run: `USAGE`, `ORIGIN_INVALID`, `NOT_FOUND`, `READ_FAILED`, `WRITE_FAILED`, what a
 *   storage throws
 */
export async function auditStreams(
  given: StreamsToAudit,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  const { places, memory, close } = await openAudit(given);
  try {
    const { journalLog } = given;
    if (journalLog === undefined) return await audit({ ...given, places, memory }, onResult);
    const { auditWithJournal } = await import('../journal/audit-with-journal.ts');
    return await auditWithJournal({ ...given, places, memory }, journalLog, onResult);
  } finally {
    close();
  }
}

/** What {@link openAudit} needs. */
interface ToOpen extends Pick<StreamsToAudit, 'places' | 'memory' | 'options' | 'requests'> {
  /** Gives up the requests to buckets that are counted. */
  readonly giveUp?: AbortSignal;
}

/** Opens the places of an audit; the caller closes them. @throws {@link TamperError} as {@link auditStreams} */
export async function openAudit({
  places: names,
  memory: memoryName,
  options,
  requests,
  giveUp,
}: ToOpen): Promise<OpenedAudit> {
  const opened = new Map<string, ObjectStorage>();
  const storageOf = async (name: string): Promise<{ storage: ObjectStorage; prefix: string }> => {
    const location = parseLocation(name);
    const storage = opened.get(location.name) ?? counted(await openStorage(location), requests, giveUp);
    opened.set(location.name, storage);
    return { storage, prefix: location.prefix };
  };
  const close = (): void => {
    for (const storage of opened.values()) storage.close();
  };
  const { maxBytes = MAX_BYTES } = options;
  try {
    const places: LogPlace[] = [];
    for (const name of new Set(names)) {
      if (name === '-') throw new TamperError('USAGE', 'an audit reads directories and buckets, not standard input');
      if (!isLocation(name)) places.push(new DirectoryPlace(name, maxBytes));
      else {
        const { storage, prefix } = await storageOf(name);
        places.push(new StoragePlace(storage, prefix, maxBytes));
      }
    }
    if (!isLocation(memoryName)) {
      const folder = await realPathOf(resolve(memoryName));
      refuseInside(places, folder, memoryName);
      return { places, memory: new DirectoryMemory(folder), close };
    }
    const { storage, prefix } = await storageOf(memoryName);
    refuseInside(places, `${storage.name}/${prefix}`.replace(/\/$/, ''), memoryName);
    return { places, memory: new StorageMemory(storage, prefix), close };
  } catch (error) {
    close();
    throw error;
  }
}

function counted(
  storage: ObjectStorage,
  requests: RequestCounts | undefined,
  giveUp: AbortSignal | undefined,
): ObjectStorage {
  return requests === undefined ? storage : new CountedStorage(storage, requests, giveUp);
}

function refuseInside(places: readonly LogPlace[], memory: string, name: string): void {
  const inside = places.find((place) => place.holds(memory) || place.holds(resolve(name)));
  if (inside === undefined) return;
  throw new TamperError('USAGE', `--memory ${name} is in ${inside.name}, which is to be audited`, {
    hint: 'Keep the memory of the audit where no writer of logs can write.',
  });
}
