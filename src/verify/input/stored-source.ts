import type { ObjectStorage, StoredObject } from '../../storage/object-storage.ts';
import { readRange } from '../../storage/read-range.ts';
import { objectName } from '../../storage/stored-logs.ts';
import { isCompressed, packedAs, readGzip, TELLING } from './gzip.ts';
import type { OnProblem, OnWhole } from './source-problem.ts';
import type { FileForm, Source } from './sources.ts';

/** Sealed bytes that are an object of a bucket, of the one version that was listed. */

/** So much is read with one request; the next part is on its way while one is verified. */
const PART = 1024 * 1024;
/** An object up to this size is read whole in the first look at it. */
const HEAD = 64 * 1024;

/** How an object begins. */
export interface ObjectHead {
  readonly size: number;
  readonly gzip: boolean;
  /** What it is, in words, where it has to be unpacked first. */
  readonly packed: string | undefined;
  /** All bytes, where they are few. */
  readonly whole?: Buffer;
}

/** Small objects that were read whole in the first look, so that most cost one request. Bounded, in bytes. */
export class KeptHeads {
  #left = 32 * 1024 * 1024;

  /** The bytes, if there is room for them still. */
  keep(whole: Buffer | undefined): Buffer | undefined {
    if (whole === undefined || whole.length > this.#left) return undefined;
    this.#left -= whole.length;
    return whole;
  }
}

/** One look at an object: one request, none where it is empty. @throws {@link Replaced}, {@link UnreadableObject} */
export async function lookAtObject(storage: ObjectStorage, object: StoredObject): Promise<ObjectHead> {
  const { size } = object;
  const bytes = await readRange(storage, object, 0, size <= HEAD ? HEAD : TELLING);
  return {
    size,
    gzip: isCompressed(object.key, bytes),
    packed: packedAs(bytes),
    ...(bytes.length === size && { whole: bytes }),
  };
}

/** What is to be known of an object besides its head. */
export interface StoredPlace {
  readonly storage: ObjectStorage;
  readonly object: StoredObject;
  /** Reads the manifest that stands beside it. */
  readonly manifest: () => Promise<Buffer | undefined>;
  /** The object, where it is kept. */
  readonly kept: Buffer | undefined;
}

/** An object that was looked at; its reading throws `ESTALE` where another one has its name by then. */
export function storedSource(place: StoredPlace, { gzip }: ObjectHead, { maxBytes, carrier }: FileForm): Source {
  const { storage, object, manifest, kept } = place;
  const readAt = async (position: number, length: number): Promise<Buffer> =>
    kept === undefined
      ? readRange(storage, object, position, length)
      : Buffer.from(kept.subarray(position, position + length));
  return {
    name: objectName(storage, object),
    repeatable: true,
    size: object.size,
    carrier,
    manifest,
    stored: true,
    read: (onProblem: OnProblem, onWhole?: OnWhole) =>
      gzip
        ? readGzip({ size: object.size, readAt }, maxBytes, onProblem, undefined, onWhole)
        : readParts(object.size, readAt),
  };
}

async function* readParts(
  size: number,
  readAt: (position: number, length: number) => Promise<Buffer>,
): AsyncIterable<Buffer> {
  if (size === 0) return;
  yield await readAt(0, HEAD); // whoever looks for the first entry asks for no more
  let next = size > HEAD ? readAhead(readAt, HEAD) : undefined;
  for (let position = HEAD + PART; next !== undefined; position += PART) {
    const part = await next;
    if ('error' in part) throw part.error;
    next = position < size ? readAhead(readAt, position) : undefined;
    yield part.bytes;
  }
}

/** A failure waits for its turn: what came before it is verified first. */
async function readAhead(
  readAt: (position: number, length: number) => Promise<Buffer>,
  position: number,
): Promise<{ readonly bytes: Buffer } | { readonly error: unknown }> {
  try {
    return { bytes: await readAt(position, PART) };
  } catch (error) {
    return { error };
  }
}
