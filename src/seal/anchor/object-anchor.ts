import { createHash } from 'node:crypto';
import { parseS3Address, type S3Address } from '../../config/s3-address.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import type { ObjectStore } from './object-store.ts';

/** Anchors in an object store: `PREFIX/<SHA-256 of the origin, hex>/<size, 16 digits>.note` is one signed note. */

/** What this host knows of a stream when it asks an anchor. */
export interface KnownStream {
  readonly origin: string;
  readonly size: number;
  /** The size of its newest checkpoint here; undefined where it has none. */
  readonly checkpointed: number | undefined;
}

/** The place that the name of an anchor in S3 means; the configuration let none pass that means nothing. */
export function placeOf(name: string): S3Address {
  const address = parseS3Address(name);
  if (address === undefined) throw new TamperError('CONFIG_INVALID', 'an anchor in S3 is written s3://BUCKET/PREFIX');
  return address;
}

/**
 * Keeps a note. One of the same size and root that is there already is as good, whoever signed it when.
 *
 * @throws {@link TamperError} `STATE_CONFLICT` where there is anything else
 */
export async function keepNote(store: ObjectStore, name: string, note: string, signal: AbortSignal): Promise<void> {
  const own = parseSignedCheckpoint(note);
  if (own === undefined) throw new TamperError('INTERNAL', 'what was to be anchored is no signed checkpoint');
  const key = keyOf(folderOf(name, own.origin), own.size);
  if ((await store.put(key, Buffer.from(note, 'utf8'), undefined, signal)) !== undefined) return;
  const there = await store.get(key, MAX_NOTE, signal);
  if (there !== undefined && parseSignedCheckpoint(there.bytes.toString('utf8'))?.text === own.text) return;
  throw new TamperError(
    'STATE_CONFLICT',
    `the anchor ${name} holds something else where checkpoint ${own.size} of ${own.origin} belongs: ${key}`,
    {
      hint: 'Two histories have this size: the log was rolled back, or another writer uses its name. Keep both, and compare with verify --since.',
    },
  );
}

/**
 * A checkpoint that can contradict the stream: one that is larger, if there is any, else the one of its newest checkpoint's
 * size. Two requests, and two more for each object that is there and is not the checkpoint that its name says: `contradicts` is
 * told of it, and it hides nothing.
 */
export async function askStore(
  store: ObjectStore,
  name: string,
  { origin, size, checkpointed }: KnownStream,
  signal: AbortSignal,
  contradicts: (key: string) => void,
): Promise<SignedCheckpoint | undefined> {
  const folder = folderOf(name, origin);
  const read = async (key: string): Promise<SignedCheckpoint | undefined> => {
    const there = await noteAt(store, key, signal);
    if (there === undefined) return undefined;
    const checkpoint = parseSignedCheckpoint(there);
    if (checkpoint?.origin === origin && keyOf(folder, checkpoint.size) === key) return checkpoint;
    contradicts(key);
    return undefined;
  };
  // an object that somebody added must not hide those behind it
  for (let after = keyOf(folder, size); ; ) {
    const key = await store.firstAfter(folder, after, signal);
    if (key === undefined) break;
    after = key;
    const checkpoint = isKeyIn(folder, key) ? await read(key) : undefined;
    if (checkpoint !== undefined) return checkpoint;
  }
  return checkpointed === undefined ? undefined : read(keyOf(folder, checkpointed));
}

/** The text of an object; empty if it is too long for a note. */
async function noteAt(store: ObjectStore, key: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await store.get(key, MAX_NOTE, signal))?.bytes.toString('utf8');
  } catch (error) {
    if (isTamperError(error, 'RESPONSE_MALFORMED')) return '';
    throw error;
  }
}

function isKeyIn(folder: string, key: string): boolean {
  return key.startsWith(folder) && /^\d{16}\.note$/.test(key.slice(folder.length));
}

function folderOf(name: string, origin: string): string {
  const { prefix } = placeOf(name);
  return `${prefix === '' ? '' : `${prefix}/`}${createHash('sha256').update(origin, 'utf8').digest('hex')}/`;
}

/** The order of the keys is the order of the sizes. */
function keyOf(folder: string, size: number): string {
  return `${folder}${String(size).padStart(16, '0')}.note`;
}
