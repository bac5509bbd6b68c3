import { TamperError } from '../errors.ts';
import { Replaced } from '../foundation/file-identity.ts';
import { openStorage } from '../providers/open-storage.ts';
import { listLogs } from '../storage/list-logs.ts';
import { isLocation, parseLocation } from '../storage/location.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { UnreadableObject } from '../storage/read-range.ts';
import type { StoredLogs } from '../storage/stored-logs.ts';

/** Paths and locations that an auditor names, apart. */
export interface LogPlaces {
  readonly paths: readonly string[];
  readonly stored: readonly StoredLogs[];
}

/**
 * Opens the buckets among what was named, and closes them at the end.
 *
 * @throws {@link TamperError} what opening and `run` throw; `READ_FAILED` where objects are replaced faster than they can be read
 */
export async function withStored<R>(given: readonly string[], run: (places: LogPlaces) => Promise<R>): Promise<R> {
  const opened = new Map<string, ObjectStorage>();
  try {
    const stored: StoredLogs[] = [];
    for (const text of new Set(given.filter(isLocation))) {
      const location = parseLocation(text);
      const storage = opened.get(location.name) ?? (await openStorage(location));
      opened.set(location.name, storage);
      stored.push({ storage, list: (onHidden) => listLogs(storage, location.prefix, onHidden) });
    }
    return await run({ paths: given.filter((path) => !isLocation(path)), stored });
  } catch (error) {
    if (error instanceof UnreadableObject) throw error.failure;
    if (!(error instanceof Replaced)) throw error;
    throw new TamperError('READ_FAILED', 'objects are replaced faster than they can be read', {
      cause: error,
      hint: 'Verify while nobody uploads there, or name the folders of finished files.',
    });
  } finally {
    for (const storage of opened.values()) storage.close();
  }
}
