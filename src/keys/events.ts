import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { isTamperError, type TamperErrorCode } from '../errors.ts';
import { inTime, type Steps, waitFor } from '../foundation/steps.ts';
import type { KeySource } from './identity.ts';

/** The name of the `node:diagnostics_channel` channel that carries every {@link KeyEvent}. */
export const keyChannelName = 'fapilog-tamper:key';

/** What was done with a key or a credential. */
export type KeyOperation =
  | 'getKey'
  | 'recoverKey'
  | 'getSigningKey'
  | 'describeKey'
  | 'sign'
  | 'signBatch'
  | 'verify'
  | 'rotateCheck'
  | 'login'
  | 'renew'
  | 'unwrap'
  | 'warning';

/** One use of a key, as an audit trail needs it: who, which key, what, when, how long, how it ended. Never a secret. */
export interface KeyEvent {
  readonly operation: KeyOperation;
  readonly source: KeySource;
  /** The key as it was asked for; for a login, the role or method. */
  readonly keyId: string;
  /** The identity that the service returned, version included. */
  readonly identity?: string;
  /** The version alone, if the identity has one. */
  readonly version?: string;
  /** Who we are to the service, if it told us: a role, an account, a display name. */
  readonly principal?: string;
  /** The key service's request id. */
  readonly requestId?: string;
  /** Wall time of the start, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** `ok`, or the error's code; `INTERNAL` for an error that is not ours. */
  readonly outcome: 'ok' | TamperErrorCode;
  /** How often the service was called for it; 0 if no call was needed. */
  readonly attempts: number;
  /** How many items a batch had. */
  readonly items?: number;
  /** For a `warning`: what it is about, as one sentence. */
  readonly detail?: string;
}

/** What is known before a key is used. */
export interface KeyEventStart {
  readonly operation: KeyOperation;
  readonly source: KeySource;
  readonly keyId: string;
  readonly items?: number;
}

/** What becomes known meanwhile; the operation fills it in. */
export interface KeyEventFacts {
  identity?: string;
  version?: string;
  principal?: string;
  requestId?: string;
  attempts: number;
  detail?: string;
}

const keyChannel: Channel = channel(keyChannelName);

/** One use of a key, for which one {@link KeyEvent} is published, however it ends. Errors pass through unchanged. */
export function* keyUse<T>(start: KeyEventStart, run: (facts: KeyEventFacts) => Steps<T>): Steps<T> {
  const facts: KeyEventFacts = { attempts: 0 };
  const startedAt = Date.now();
  const startedTick = performance.now();
  let outcome: KeyEvent['outcome'] = 'ABORTED'; // nobody waited for its end
  try {
    const result = yield* run(facts);
    outcome = 'ok';
    return result;
  } catch (error) {
    if (isTamperError(error) && error.requestId !== undefined) facts.requestId ??= error.requestId;
    outcome = isTamperError(error) ? error.code : 'INTERNAL';
    throw error;
  } finally {
    if (keyChannel.hasSubscribers) {
      const event: KeyEvent = { ...start, ...facts, startedAt, durationMs: performance.now() - startedTick, outcome };
      keyChannel.publish(event);
    }
  }
}

/** {@link keyUse} of a key service, which takes time. */
export function withKeyEvent<T>(start: KeyEventStart, run: (facts: KeyEventFacts) => Promise<T>): Promise<T> {
  return inTime(keyUse(start, (facts) => waitFor(() => run(facts))));
}

/** Publishes a `warning`: something works, but should be changed. */
export function publishKeyWarning(source: KeySource, keyId: string, detail: string): void {
  if (!keyChannel.hasSubscribers) return;
  const event: KeyEvent = {
    operation: 'warning',
    source,
    keyId,
    startedAt: Date.now(),
    durationMs: 0,
    outcome: 'ok',
    attempts: 0,
    detail,
  };
  keyChannel.publish(event);
}

/**
 * Calls `listener` with every {@link KeyEvent} of this thread. If a listener throws, that is an uncaught exception, as always
 * with `node:diagnostics_channel`.
 *
 * @returns a function that ends the subscription
 */
export function onKeyEvent(listener: (event: KeyEvent) => void): () => void {
  const receive = (message: unknown): void => listener(message as KeyEvent);
  subscribe(keyChannelName, receive);
  return () => {
    unsubscribe(keyChannelName, receive);
  };
}
