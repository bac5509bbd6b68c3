import type { ObjectStorage } from '../../../storage/object-storage.ts';

/**
 * Whether a write that failed its own condition had succeeded before: a request whose reply was lost is sent again, and what
 * it wrote the first time is then in its way.
 *
 * @param bytes - what was to be written
 * @returns the version of what is there, if it is that; undefined where it is somebody else's
 * @throws as {@link ObjectStorage.get}
 */
export async function ownWrite(
  store: Pick<ObjectStorage, 'get'>,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const present = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
  return present?.bytes.equals(bytes) === true ? present.version : undefined;
}
