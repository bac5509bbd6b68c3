/** Where an anchor keeps one object for each checkpoint. Every call may be given up by its signal. */
export interface ObjectStore {
  /** Writes an object that is not there yet. @returns false where there is one of that key, which stays as it is */
  create(key: string, body: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /** An object; undefined where there is none. Fails where it is longer than `limit` bytes. */
  read(key: string, limit: number, signal: AbortSignal): Promise<Buffer | undefined>;
  /** The first key after `after`, in the order of their bytes, of those that begin with `prefix`. */
  firstAfter(prefix: string, after: string, signal: AbortSignal): Promise<string | undefined>;
  close(): void;
}

/** Opens the bucket that an anchor names; asks nothing of it yet. Fails where what it takes is not installed. */
export type OpenBucket = (bucket: string) => Promise<ObjectStore>;
