import { isError, TamperError, type TamperErrorCode } from '../../errors.ts';
import type { KeyEvent } from '../../keys/events.ts';
import type { SealerEvents } from '../../seal/checkpoint/sealer-events.ts';
import type { SealerStats } from '../../seal/sealer-stats.ts';

/** The name under which both sides know each other's messages. */
export const CHANNEL = 'fapilog-tamper';

/** What the logger's thread asks of the sealer's, on a `BroadcastChannel`. */
export interface Question {
  /** The thread that is asked. */
  readonly to: number;
  readonly id: number;
  readonly ask: 'observe' | 'stats' | 'flush';
}

/** An error as it passes between threads, where a class and its fields would be lost. */
export interface PlainError {
  readonly code: TamperErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly lines: number | undefined;
  readonly stack: string | undefined;
  readonly cause: string | undefined;
}

/** Events whose names and arguments pass as they are. */
export type PlainEvent = Exclude<keyof SealerEvents, 'error' | 'warning' | 'outage' | 'drain'>;

/** What the sealer's thread tells, through pino's stream. */
export type Message =
  | { readonly event: 'begun' }
  | { readonly event: PlainEvent; readonly argument: unknown }
  | { readonly event: 'error' | 'warning'; readonly error: PlainError }
  | { readonly event: 'outage'; readonly since: number; readonly error: PlainError }
  | { readonly event: 'key'; readonly key: KeyEvent }
  | { readonly event: 'answer'; readonly id: number; readonly error?: PlainError; readonly stats?: SealerStats };

export function toPlainError(error: TamperError): PlainError {
  const { code, message, hint, requestId, retryable, retryAfterMs, lines, stack, cause } = error;
  return {
    code,
    message,
    hint,
    requestId,
    retryable,
    retryAfterMs,
    lines,
    stack,
    cause: isError(cause) ? cause.message : undefined,
  };
}

/** The error again, with the stack that it had in its own thread. */
export function fromPlainError(plain: PlainError): TamperError {
  const { code, message, hint, requestId, retryable, retryAfterMs, lines, stack } = plain;
  const cause = plain.cause === undefined ? undefined : new Error(plain.cause);
  const error = new TamperError(code, message, {
    retryable,
    ...(cause && { cause }),
    ...(hint !== undefined && { hint }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(lines !== undefined && { lines }),
  });
  if (stack !== undefined) error.stack = stack;
  return error;
}
