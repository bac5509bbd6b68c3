import { createHash } from 'node:crypto';
import { parseS3Address, type S3Address } from '../../config/s3-address.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';

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
  if (own === undefined) throw new TamperError('INTERNAL', 'the text to anchor is not a signed checkpoint');
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

/** How many sizes below the newest checkpoint here are looked through at first; then eight times as many, and so on. */
const WINDOW = 1_024;

/**
 * The checkpoints of the stream: first those that are larger than it, then the others from the newest back. Two requests where
 * none is larger and the newest one here is there, and one for each object that is not the checkpoint that its name says:
 * `strange` is told of it, and it hides nothing.
 */
export async function* notesInBucket(
  store: ObjectStore,
  name: string,
  { origin, size, checkpointed }: KnownStream,
  signal: AbortSignal,
  strange: (key: string) => void,
): AsyncGenerator<SignedCheckpoint> {
  const folder = folderOf(name, origin);
  async function* read(keys: readonly string[]): AsyncGenerator<SignedCheckpoint> {
    for (const key of keys) {
      const there = await noteAt(store, key, signal);
      const checkpoint = there === undefined ? undefined : parseSignedCheckpoint(there);
      if (checkpoint?.origin === origin && keyOf(folder, checkpoint.size) === key) yield checkpoint;
      else if (there !== undefined) strange(key);
    }
  }
  for await (const keys of pagesOf(store, folder, keyOf(folder, size), signal)) yield* read(keys);
  let to = size;
  let from = Math.min(checkpointed ?? size, size);
  for (let back = WINDOW; ; back *= 8) {
    const keys: string[] = [];
    const last = keyOf(folder, to);
    for await (const page of pagesOf(store, folder, from === 0 ? folder : keyOf(folder, from - 1), signal)) {
      keys.push(...page.filter((key) => key <= last));
      if (page.some((key) => key > last)) break;
    }
    yield* read(keys.reverse());
    if (from === 0) return;
    to = from - 1;
    from = Math.max(0, from - back);
  }
}

/** The keys of notes behind `after`, page by page. */
async function* pagesOf(
  store: ObjectStore,
  folder: string,
  after: string,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  for (let last: string | undefined = after; last !== undefined; ) {
    const page: readonly string[] = await store.keysAfter(folder, last, signal);
    yield page.filter((key) => isKeyIn(folder, key));
    last = page.at(-1);
  }
}

/** The text of an object; empty if it cannot be read, though the bucket can, or is too long for a note. */
async function noteAt(store: ObjectStore, key: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await store.get(key, MAX_NOTE, signal))?.bytes.toString('utf8');
  } catch (error) {
    signal.throwIfAborted();
    if (!isTamperError(error) || error.retryable) throw error;
    return '';
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
