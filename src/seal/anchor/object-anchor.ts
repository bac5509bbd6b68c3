import { createHash } from 'node:crypto';
import { parseS3Address, type S3Address } from '../../config/s3-address.ts';
import { TamperError } from '../../errors.ts';
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
 * size. Two requests, however many objects there are.
 */
export async function askStore(
  store: ObjectStore,
  name: string,
  { origin, size, checkpointed }: KnownStream,
  signal: AbortSignal,
): Promise<SignedCheckpoint | undefined> {
  const folder = folderOf(name, origin);
  const larger = await store.firstAfter(folder, keyOf(folder, size), signal);
  const key = larger ?? (checkpointed === undefined ? undefined : keyOf(folder, checkpointed));
  const there = key === undefined ? undefined : await store.get(key, MAX_NOTE, signal);
  if (there === undefined) return undefined;
  const checkpoint = parseSignedCheckpoint(there.bytes.toString('utf8'));
  if (checkpoint?.origin !== origin || keyOf(folder, checkpoint.size) !== key) {
    throw new Error(`its object ${key} is not the signed checkpoint that its name says`);
  }
  return checkpoint;
}

function folderOf(name: string, origin: string): string {
  const { prefix } = placeOf(name);
  return `${prefix === '' ? '' : `${prefix}/`}${createHash('sha256').update(origin, 'utf8').digest('hex')}/`;
}

/** The order of the keys is the order of the sizes. */
function keyOf(folder: string, size: number): string {
  return `${folder}${String(size).padStart(16, '0')}.note`;
}
