import { isTamperError } from '../errors.ts';

/** A stage of a key's life in which it makes no signatures and wraps nothing. */
export type KeyState = 'disabled' | 'pending-deletion' | 'unavailable' | 'gone';

const states: ReadonlyMap<string, KeyState> = new Map([
  ['KEY_DISABLED', 'disabled'], // disabled, expired, or not yet valid
  ['KEY_PENDING_DELETION', 'pending-deletion'], // or destroyed already
  ['KEY_VERSION_UNAVAILABLE', 'unavailable'],
  ['KEY_NOT_FOUND', 'gone'],
]);

/**
 * The state that a key service itself says a key is in. Undefined for every other failure: access denied, credentials
 * refused, throttled, away, an answer that is wrong. Those are about a call, say nothing of the key, and may pass.
 */
export function keyStateOf(error: unknown): KeyState | undefined {
  return isTamperError(error) && !error.retryable ? states.get(error.code) : undefined;
}
