import { isS3Address } from '../../config/s3-address.ts';
import { TamperError } from '../../errors.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { isAddress, shownName } from './anchor-name.ts';
import { newestPosted } from './http-anchor.ts';
import { askStore, type KnownStream, placeOf } from './object-anchor.ts';
import type { OpenBucket } from './object-store.ts';

/** What anchors with an address have of a stream, asked at a start (spec 6, M6.5). */

/** A start waits no longer for an anchor, in milliseconds. */
const ASK_LIMIT = 5_000;

/** How anchors are asked. */
export interface AskOptions {
  readonly openBucket: OpenBucket;
  readonly signal: AbortSignal;
  readonly warn: (error: TamperError) => void;
}

/**
 * Asks every anchor with an address for a checkpoint that can contradict the stream: its newest, or of a bucket one that is
 * larger than what is here, if it has any. One that cannot be asked is told of, and the start goes on: a log must not depend
 * on a second place.
 */
export async function askAnchors(
  names: readonly string[],
  known: KnownStream,
  { openBucket, signal, warn }: AskOptions,
): Promise<SignedCheckpoint[]> {
  const answers = await Promise.all(
    names.filter(isAddress).map(async (name) => {
      const what = `the anchor ${shownName(name)}`;
      try {
        if (!isS3Address(name)) return await newestPosted(name, known.origin, { timeoutMs: ASK_LIMIT, signal });
        return await withDeadline({ what, timeoutMs: ASK_LIMIT, signal }, async (within) =>
          askBucket(name, known, openBucket, within, (key) => warn(contradiction(what, key))),
        );
      } catch (cause) {
        if (!signal.aborted) warn(notAsked(what, cause));
        return undefined;
      }
    }),
  );
  return answers.filter((note) => note !== undefined);
}

async function askBucket(
  name: string,
  known: KnownStream,
  openBucket: OpenBucket,
  signal: AbortSignal,
  contradicts: (key: string) => void,
): Promise<SignedCheckpoint | undefined> {
  const store = await openBucket(placeOf(name).bucket);
  try {
    return await askStore(store, name, known, signal, contradicts);
  } finally {
    store.close();
  }
}

function contradiction(what: string, key: string): TamperError {
  return new TamperError(
    'RESPONSE_MALFORMED',
    `${what}: the object ${key} is not the signed checkpoint that its name says`,
    {
      hint: 'It was passed over. Find out who put it there: only the writer of this log should write to this prefix.',
    },
  );
}

function notAsked(what: string, cause: unknown): TamperError {
  const why = cause instanceof TamperError ? `: ${cause.message}` : '';
  return new TamperError('UNAVAILABLE', `${what} could not be asked for its newest checkpoint${why}`, {
    cause,
    hint: 'The log goes on. Had its state been rolled back, only this anchor would have shown it: compare by hand, with verify --since.',
  });
}
