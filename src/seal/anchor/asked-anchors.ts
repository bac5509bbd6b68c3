import { isS3Address } from '../../config/s3-address.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { isAddress } from './anchor-name.ts';
import { notesInFile } from './file-anchor.ts';
import { newestPosted } from './http-anchor.ts';
import { type KnownStream, notesInBucket, type OpenBucket, placeOf } from './object-anchor.ts';

/** How an anchor is asked. */
export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly openBucket: OpenBucket;
  /** Told of an object that is not the checkpoint that its name says. */
  readonly strange: (key: string) => void;
}

/**
 * The checkpoints of a stream that an anchor has, as it gives them: nobody's word for anything yet. Those that are larger than
 * the stream come first, then the newest of the others.
 */
export async function* notesOf(
  name: string,
  known: KnownStream,
  { timeoutMs, signal, openBucket, strange }: AskOptions,
): AsyncGenerator<SignedCheckpoint> {
  if (!isAddress(name)) {
    yield* notesInFile(name, known.origin, signal);
  } else if (!isS3Address(name)) {
    const newest = await newestPosted(name, known.origin, { timeoutMs, signal });
    if (newest !== undefined) yield newest;
  } else {
    const store = await openBucket(placeOf(name).bucket);
    try {
      yield* notesInBucket(store, name, known, signal, strange);
    } finally {
      store.close();
    }
  }
}
