/** Where logs and an auditor's memory may be besides a disk: a bucket or a container of objects. */

/** One content of one object. */
export interface StoredObject {
  /** Its name in the bucket, as UTF-8; what is before the last `/` is its folder. */
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** Names this content among all that the object had and will have: an ETag (S3, Azure), a generation (Google). */
  readonly version: string;
  /**
   * When it was written, UTC, to the second, where two contents may have one version: an ETag of S3 is an MD5, for which whoever
   * makes both contents can find a pair.
   */
  readonly written?: string;
}

/** A small object with the version that was read. */
export interface StoredBytes {
  readonly bytes: Buffer;
  readonly version: string;
}

/**
 * Objects of one bucket. Every method throws {@link TamperError}: `ACCESS_DENIED`, `UNAUTHENTICATED`, `CONFIG_INVALID`,
 * `NOT_FOUND` (no such bucket), `UNAVAILABLE`, `RESPONSE_MALFORMED`, `ABORTED`, `INSECURE_ENDPOINT`, `USAGE` (a key that the
 * service cannot have), `THROTTLED` and `TLS_FAILED` (whoever gives the credentials). One call is one request, repeated where it
 * fails in passing.
 */
export interface ObjectStorage {
  /** As people write it: `s3://BUCKET`, `gs://BUCKET`, `az://ACCOUNT/CONTAINER`. */
  readonly name: string;
  /** The objects whose key begins with `prefix`, in the order of the bytes of their keys; a page is one request. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<readonly StoredObject[]>;
  /**
   * Bytes `[from, from + length)` of exactly this version, fewer where it ends before.
   *
   * @throws {@link Replaced} where the object has another version or is gone
   */
  read(object: StoredObject, from: number, length: number, signal?: AbortSignal): Promise<Buffer>;
  /** The whole object of at most `limit` bytes (`RESPONSE_MALFORMED` above); undefined where there is none. */
  get(key: string, limit: number, signal?: AbortSignal): Promise<StoredBytes | undefined>;
  /**
   * Writes an object if it still has the version `ifVersion`; undefined: if there is none. Whoever downloads it is told that it is
   * `type`, by default UTF-8 text.
   *
   * @returns its new version; undefined where somebody else wrote meanwhile, and nothing was written
   */
  put(
    key: string,
    bytes: Uint8Array,
    ifVersion: string | undefined,
    signal?: AbortSignal,
    type?: string,
  ): Promise<string | undefined>;
  /** Ends its connections. */
  close(): void;
}
