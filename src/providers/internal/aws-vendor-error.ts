import { types } from 'node:util';

/** What is kept of an error of the SDK: never its hidden `$response`, which holds bodies and headers. */
export interface VendorFacts {
  /** The exception's name, as AWS documents it: `DisabledException`. */
  readonly name: string;
  /** A code of Node: `ECONNREFUSED`. */
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly attempts: number | undefined;
  /** One line that is safe to print; undefined where the message may repeat a body or a credential. */
  readonly message: string | undefined;
}

/** Errors whose text repeats the request's headers, the session token among them. */
const repeatsHeaders: RegExp =
  /^(?:InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken)(?:Exception)?$/;

/** Reads what is known of an error that the SDK threw. */
export function vendorFacts(error: unknown): VendorFacts {
  if (!types.isNativeError(error)) {
    return {
      name: typeof error,
      code: undefined,
      status: undefined,
      requestId: undefined,
      attempts: undefined,
      message: undefined,
    };
  }
  const metadata = metadataOf(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isService = '$fault' in error && error.$fault !== undefined;
  const isOurs = code !== undefined || isService || safeNames.has(error.name);
  return {
    name: error.name,
    code,
    status: typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined,
    requestId: typeof metadata.requestId === 'string' ? metadata.requestId : undefined,
    attempts: typeof metadata.attempts === 'number' ? metadata.attempts : undefined,
    message: isOurs && !repeatsHeaders.test(error.name) ? oneLine(error.message) : undefined,
  };
}

/** What the system says of a file that cannot be read: the SDK reads files with tokens and profiles, and nothing else. */
export const fileCode: RegExp = /^(?:ENOENT|EACCES|EPERM|EISDIR|ENOTDIR|ELOOP|ENAMETOOLONG|EIO|ENXIO|ESTALE)$/;

/** The name of the error of a reply that is longer than any of AWS. */
export const REPLY_TOO_LONG = 'ReplyTooLong';

/** Errors of ours and of the SDK itself whose text holds no part of a request or a reply. */
const safeNames: ReadonlySet<string> = new Set([
  'AbortError',
  'TimeoutError',
  'EndpointError',
  'CredentialsProviderError',
  REPLY_TOO_LONG,
]);

/** The error that goes on as `cause`: name and safe message of the vendor's, nothing else. */
export function withoutBodies(facts: VendorFacts): Error {
  const error = new Error(facts.message ?? 'message withheld: it may repeat the request or the reply');
  error.name = facts.name;
  return error;
}

interface Metadata {
  readonly httpStatusCode?: unknown;
  readonly requestId?: unknown;
  readonly attempts?: unknown;
}

function metadataOf(error: Error): Metadata {
  return '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null ? error.$metadata : {};
}

/** The first line, without control characters, at most 300 characters. What AWS repeats of a request stands below it. */
function oneLine(text: string): string | undefined {
  const line = (text.split('\n', 1)[0] ?? '')
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 300);
  return line === '' || line === 'UnknownError' ? undefined : line;
}
