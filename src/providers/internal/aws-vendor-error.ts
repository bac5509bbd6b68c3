import { types } from 'node:util';
import { membersOf, numberOf, printableLine, textOf } from './vendor-text.ts';

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
  const isOfSdk = types.isNativeError(error);
  const members = isOfSdk ? membersOf(error) : {};
  const metadata = membersOf(members['$metadata']);
  const name = isOfSdk ? error.name : typeof error;
  const code = textOf(members['code']);
  const isSafe = code !== undefined || members['$fault'] !== undefined || safeNames.has(name);
  return {
    name,
    code,
    status: numberOf(metadata['httpStatusCode']),
    requestId: textOf(metadata['requestId']),
    attempts: numberOf(metadata['attempts']),
    message: isSafe && !repeatsHeaders.test(name) ? oneLine(textOf(members['message']) ?? '') : undefined,
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

/** What AWS repeats of a request stands below the first line. */
function oneLine(text: string): string | undefined {
  const line = printableLine(text);
  return line === '' || line === 'UnknownError' ? undefined : line;
}
