/**
 * Every error this package throws on purpose is a {@link TamperError} with a code from one closed list.
 * Programs switch on `code`; people read `message`, which names the thing at fault, and `hint`, which says what to do next.
 */

/** The closed list of error codes. `docs/errors.md` says what each means and what to do. */
export type TamperErrorCode =
  // configuration and use
  | 'USAGE'
  | 'CONFIG_INVALID'
  | 'CONFIG_UNKNOWN_OPTION'
  | 'CONFIG_UNREADABLE'
  | 'POLICY_INVALID'
  | 'DEPENDENCY_MISSING'
  | 'INSECURE_ENDPOINT'
  // keys and key services
  | 'KEY_NOT_FOUND'
  | 'KEY_MALFORMED'
  | 'KEY_FILE_PERMISSIONS'
  | 'KEY_DISABLED'
  | 'KEY_PENDING_DELETION'
  | 'KEY_VERSION_UNAVAILABLE'
  | 'KEY_WRONG_USAGE'
  | 'KEY_NOT_NAMED'
  | 'WRONG_KEY_OR_CONTEXT'
  | 'UNSUPPORTED_OPERATION'
  | 'ACCESS_DENIED'
  | 'UNAUTHENTICATED'
  | 'CREDENTIALS_EXHAUSTED'
  | 'THROTTLED'
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'RESPONSE_MALFORMED'
  | 'RESPONSE_CORRUPTED'
  | 'TLS_FAILED'
  | 'PROVIDER_CLOSED'
  | 'KEY_WARNING'
  // text on disk
  | 'ORIGIN_INVALID'
  | 'FORMAT_INVALID'
  | 'FORMAT_LIMIT'
  | 'TIMESTAMP_INVALID'
  // writing
  | 'SEALER_CLOSED'
  | 'LOCKED'
  | 'FOREIGN_WRITE'
  | 'FILE_MOVED'
  | 'UNSAFE_PATH'
  | 'STATE_CONFLICT'
  | 'STATE_MALFORMED'
  | 'MODE_CHANGE'
  | 'WRITE_FAILED'
  | 'SIGNATURE_REJECTED'
  | 'PENDING_OVERFLOW'
  | 'KEY_SERVICE_STOP'
  | 'VERIFY_FAILED'
  // reading
  | 'READ_FAILED'
  | 'NOT_FOUND'
  // ours
  | 'INTERNAL';

/** What a {@link TamperError} is made from. */
export interface TamperErrorOptions {
  /** The error that led to this one. Key service errors are rewrapped without request bodies before they get here. */
  readonly cause?: unknown;
  /** What the reader should do next, as one sentence. */
  readonly hint?: string;
  /** The key service's request id, if it gave one. */
  readonly requestId?: string;
  /** True if the same call may succeed later without any change. */
  readonly retryable?: boolean;
  /** How many log lines this is about. */
  readonly lines?: number;
  /** How long the service asked us to wait, in milliseconds (`Retry-After` and similar). */
  readonly retryAfterMs?: number;
}

/** The one error class of this package. */
export class TamperError extends Error {
  override readonly name = 'TamperError';
  /** What went wrong, from a closed list. */
  readonly code: TamperErrorCode;
  /** What to do next. */
  readonly hint: string | undefined;
  /** The key service's request id, if it gave one. */
  readonly requestId: string | undefined;
  /** True if the same call may succeed later without any change. */
  readonly retryable: boolean;
  /** How long the service asked us to wait, in milliseconds; undefined if it did not. */
  readonly retryAfterMs: number | undefined;
  /** How many log lines this is about; undefined if it is not about lines. */
  readonly lines: number | undefined;

  constructor(code: TamperErrorCode, message: string, options: TamperErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.requestId = options.requestId;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.lines = options.lines;
  }
}

/** True for a {@link TamperError}; if a code is given, only for one with that code. */
export function isTamperError<const C extends TamperErrorCode = TamperErrorCode>(
  error: unknown,
  code?: C,
): error is TamperError & { readonly code: C } {
  return error instanceof TamperError && (code === undefined || error.code === code);
}

/** Whether a thrown value is an error, of whatever realm: a test runner or a sandbox has an `Error` of its own. */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]';
}

/** What an unknown thrown value is, as an error. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(String(thrown));
}

/** The code that the system or Node gave an error, such as `ENOSPC`; empty where there is none, and for our own errors. */
export function systemCode(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof TamperError || !('code' in thrown)) return '';
  return typeof thrown.code === 'string' ? thrown.code : '';
}
