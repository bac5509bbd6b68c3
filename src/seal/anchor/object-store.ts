/** Where an anchor keeps one object for each checkpoint. Every call may be given up by its signal. */
export interface ObjectStore {
  /** Writes an object that is not there yet. @returns undefined where there is one of that key, which stays as it is */
  put(key: string, body: Uint8Array, ifVersion: undefined, signal: AbortSignal): Promise<string | undefined>;
  /** An object; undefined where there is none. Fails where it is longer than `limit` bytes. */
  get(key: string, limit: number, signal: AbortSignal): Promise<{ readonly bytes: Buffer } | undefined>;
  /** The first keys after `after`, in the order of their bytes, of those that begin with `prefix`; none where there are no more. */
  keysAfter(prefix: string, after: string, signal: AbortSignal): Promise<readonly string[]>;
  close(): void;
}

/** Opens the bucket that an anchor names; asks nothing of it yet. Fails where what it takes is not installed. */
export type OpenBucket = (bucket: string) => Promise<ObjectStore>;
