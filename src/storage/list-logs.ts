import { TamperError } from '../errors.ts';
import type { ObjectStorage, StoredObject } from './object-storage.ts';
import type { ListedObject } from './stored-logs.ts';

/** So many objects one run takes, as of files on a disk: their names are held in memory. */
const MAX_OBJECTS = 250_000;

/**
 * The objects that a prefix stands for: the object of this name, and those of the folder of this name, at any depth. A bucket may
 * have both, and then neither hides the other. Hidden names are left out, and `onHidden` is told of each; so is what a console
 * makes to show an empty folder, of which nobody is told.
 *
 * @throws {@link TamperError} `NOT_FOUND` if there is neither; `FORMAT_LIMIT` above 250,000; what the storage throws
 */
export async function listLogs(
  storage: ObjectStorage,
  prefix: string,
  onHidden?: (object: StoredObject) => void,
): Promise<readonly ListedObject[]> {
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const below: ListedObject[] = [];
  for await (const page of storage.list(folder)) {
    for (const object of page) {
      if (isFolderMark(object)) continue;
      if (isHidden(object.key.slice(folder.length))) {
        onHidden?.(object);
        continue;
      }
      below.push({ named: false, ...object }); // the spread last, as in parseSignedCheckpoint
      if (below.length > MAX_OBJECTS) throw tooMany(storage, folder);
    }
  }
  const named = folder === prefix ? undefined : await objectNamed(storage, prefix);
  if (named !== undefined) return [{ ...named, named: true }, ...below];
  if (below.length > 0) return below;
  throw new TamperError('NOT_FOUND', `there is no object ${storage.name}/${prefix}, nor one below it`, {
    hint: 'Check the name: what stands behind the bucket is a folder or an object, and a folder is named whole.',
  });
}

/** The first that begins with a key, in the order of bytes, is the object of that key if there is one. */
async function objectNamed(storage: ObjectStorage, key: string): Promise<StoredObject | undefined> {
  for await (const page of storage.list(key)) {
    const [first] = page;
    if (first !== undefined) return first.key === key ? first : undefined;
  }
  return undefined;
}

function isHidden(key: string): boolean {
  return key.split('/').some((part) => part.startsWith('.'));
}

function isFolderMark({ key, size }: StoredObject): boolean {
  return key.endsWith('/') && size === 0;
}

function tooMany(storage: ObjectStorage, folder: string): TamperError {
  return new TamperError('FORMAT_LIMIT', `there are more than ${MAX_OBJECTS} objects below ${storage.name}/${folder}`, {
    hint: 'Verify the folders below it one at a time.',
  });
}
