import { isTamperError, TamperError } from '../../../errors.ts';
import { defaultRetryPolicy, withRetry } from '../../../keys/retry.ts';
import type { ObjectStorage } from '../../../storage/object-storage.ts';

/** How a request to an object store is bounded. */
export interface RepeatedRequest {
  /** What is being done, for messages: `Google Cloud Storage list "bucket"`. */
  readonly what: string;
  /** How long one attempt may take, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request up to three times while its error says that it may succeed later, with growing waits between. The SDK's
 * own retries are to be off.
 *
 * @param send - one attempt, counted from 1
 * @throws what the last attempt threw; {@link TamperError} `UNAVAILABLE` (retryable) where there was no reply in time,
 * `ABORTED`
 */
export async function repeatedRequest<T>(
  { what, requestTimeoutMs, signal }: RepeatedRequest,
  send: (signal: AbortSignal, attempt: number) => Promise<T>,
): Promise<T> {
  const policy = defaultRetryPolicy;
  const timeoutMs = requestTimeoutMs * policy.attempts + policy.maxDelayMs * (policy.attempts - 1);
  try {
    return await withRetry({ what, timeoutMs, attemptTimeoutMs: requestTimeoutMs, signal, policy }, send);
  } catch (error) {
    if (!isTamperError(error, 'TIMEOUT')) throw error;
    throw new TamperError('UNAVAILABLE', error.message, {
      retryable: true,
      hint: 'Check the network path to the service.',
    });
  }
}

/**
 * Whether a write that failed its own condition had succeeded before: a request whose reply was lost is sent again, and what
 * it wrote the first time is then in its way.
 *
 * @param bytes - what was to be written
 * @returns the version of what is there, if it is that; undefined where it is somebody else's
 * @throws as {@link ObjectStorage.get}
 */
export async function ownWrite(
  store: Pick<ObjectStorage, 'get'>,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const present = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
  return present?.bytes.equals(bytes) === true ? present.version : undefined;
}
