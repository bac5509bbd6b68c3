import { isTamperError, TamperError } from '../../../errors.ts';
import { defaultRetryPolicy, withRetry } from '../../../keys/retry.ts';

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
