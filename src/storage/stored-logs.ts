import type { ObjectStorage, StoredObject } from './object-storage.ts';

/** Objects of one bucket that are to be verified. */
export interface StoredLogs {
  readonly storage: ObjectStorage;
  /**
   * Which they are now; `onHidden` is told of those that are left out for their names. It is asked again where one of them was
   * replaced before it could be read.
   *
   * @throws {@link TamperError} what {@link ObjectStorage.list} throws; `NOT_FOUND`, `FORMAT_LIMIT`
   */
  list(onHidden?: (object: StoredObject) => void): Promise<readonly ListedObject[]>;
}

/** An object to be verified. */
export interface ListedObject extends StoredObject {
  /** Whether it was named itself: it is then a log, whatever is in it. */
  readonly named: boolean;
}

/** The name of an object for people: `s3://BUCKET/KEY`. */
export function objectName(storage: ObjectStorage, { key }: Pick<StoredObject, 'key'>): string {
  return `${storage.name}/${key}`;
}
