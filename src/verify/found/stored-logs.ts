import { TamperError } from '../../errors.ts';
import { MANIFEST_LIMIT } from '../../format/manifest-reading.ts';
import { Replaced } from '../../foundation/file-identity.ts';
import { isBeside, isManifest, isTornEnd, manifestsAlone, manifestsOf } from '../../foundation/log-file-names.ts';
import { mapBounded } from '../../foundation/pool.ts';
import type { ObjectStorage, StoredObject } from '../../storage/object-storage.ts';
import { readRange, UnreadableObject } from '../../storage/read-range.ts';
import { type ListedObject, objectName, type StoredLogs } from '../../storage/stored-logs.ts';
import type { PeekedSource, Wanted } from '../input/peek.ts';
import type { FileForm } from '../input/sources.ts';
import { KeptHeads, lookAtObject, storedSource } from '../input/stored-source.ts';
import type { IgnoredFiles, IgnoredWhy } from '../verdict/ignored-files.ts';
import { inPlace, judge } from './judge.ts';
import { unreadableLog } from './unreadable-log.ts';

/** The logs among the objects of a bucket. */

/** So many objects are looked at at once. */
const AT_ONCE = 16;
/** So many objects may be unreadable before it is the bucket that is. */
const UNREADABLE_LIMIT = 100;
/** So often objects are listed of which one is replaced before it is looked at. */
const ROUNDS = 5;
const FLEETING = 'it was replaced or deleted each time before it could be looked at';

/**
 * Opens the logs among the objects. What was listed is pinned: a version that is there no more when it is looked at has all of
 * them listed again.
 *
 * @throws {@link TamperError} what the storage throws; {@link UnreadableObject}
 * @throws {@link Replaced} where an object is replaced faster than it can be looked at
 */
export async function openStored(
  logs: StoredLogs,
  form: FileForm,
  ignored: IgnoredFiles,
  wanted?: Wanted,
): Promise<PeekedSource[]> {
  for (let round = 1; ; round++) {
    try {
      return await openOnce(logs, form, ignored, wanted, round === ROUNDS);
    } catch (error) {
      if (!(error instanceof Replaced) || round === ROUNDS) throw error;
    }
  }
}

async function openOnce(
  logs: StoredLogs,
  form: FileForm,
  ignored: IgnoredFiles,
  wanted: Wanted | undefined,
  isLast: boolean,
): Promise<PeekedSource[]> {
  const { storage } = logs;
  const hidden: StoredObject[] = [];
  const objects = await logs.list((object) => void hidden.push(object));
  const manifests = new Map(objects.filter(({ key }) => isManifest(key)).map((object) => [object.key, object]));
  const alone = manifestsAlone(objects.map(({ key }) => key));
  const files = objects.filter(({ key, named }) => named || !isBeside(key) || alone.has(key));
  const heads = new KeptHeads();
  const bytesOf = async (manifest: StoredObject | undefined): Promise<Buffer | undefined> =>
    manifest && readManifest(storage, manifest);
  let unreadable = 0;
  const opened = await mapBounded(files, AT_ONCE, async (object): Promise<PeekedSource | IgnoredWhy> => {
    try {
      return await open(object);
    } catch (error) {
      const isFleeting = isLast && error instanceof Replaced;
      if (!(error instanceof UnreadableObject || isFleeting) || object.named || ++unreadable > UNREADABLE_LIMIT)
        throw error;
      const { size } = object;
      const source = { name: objectName(storage, object), size, carrier: form.carrier, stored: true } as const;
      return unreadableLog(source, isFleeting ? FLEETING : error.message, error);
    }
  });
  async function open(object: ListedObject): Promise<PeekedSource | IgnoredWhy> {
    const head = await lookAtObject(storage, object);
    const manifest = manifestsOf(object.key).flatMap((key) => manifests.get(key) ?? [])[0];
    const place = { storage, object, manifest: () => bytesOf(manifest), kept: heads.keep(head.whole) };
    const stray = !object.named && manifest === undefined;
    return judge(storedSource(place, head, form), { stray, listed: false }, head, wanted);
  }
  const sources: PeekedSource[] = [];
  for (const object of hidden) ignored.add(objectName(storage, object), 'hidden name');
  for (const object of objects)
    if (!object.named && isTornEnd(object.key)) ignored.add(objectName(storage, object), 'beside a log');
  for (const [at, file] of files.entries()) {
    const one = opened[at];
    if (typeof one === 'string') ignored.add(objectName(storage, file), one);
    else if (one !== undefined) sources.push(one);
  }
  return inPlace(sources, ignored);
}

/** It is read with its log, when nothing is listed any more. @throws {@link TamperError} `READ_FAILED` */
async function readManifest(storage: ObjectStorage, manifest: StoredObject): Promise<Buffer> {
  try {
    return await readRange(storage, manifest, 0, MANIFEST_LIMIT + 1);
  } catch (error) {
    if (!(error instanceof UnreadableObject || error instanceof Replaced)) throw error;
    const why = error instanceof Replaced ? 'it was replaced or deleted' : error.message;
    throw new TamperError('READ_FAILED', `${objectName(storage, manifest)} cannot be read: ${why}`, { cause: error });
  }
}
