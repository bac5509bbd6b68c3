import { isError, TamperError } from '../../errors.ts';
import { isNetworkCode } from '../../foundation/connection-failure.ts';
import {
  fileCode,
  REPLY_TOO_LONG,
  type VendorFacts,
  vendorFacts,
  withoutBodies,
} from '../internal/aws-vendor-error.ts';
import { type Meaning, serviceError } from '../internal/service-error.ts';

/** What was being done, for messages. */
export interface S3Call {
  /** The operation as AWS names it: `PutObject`. */
  readonly operation: string;
  readonly bucket: string;
}

const credentialsHint = 'Check the credential chain: environment, profile, web identity, container, instance role.';
const regionHint = 'The bucket is in another region: set aws_region or AWS_REGION.';

/** Errors of S3 and of the SDK by name; all others are `UNAVAILABLE`. */
const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: { code: 'NOT_FOUND', hint: 'Check the name of the bucket.' },
  PermanentRedirect: { code: 'CONFIG_INVALID', hint: regionHint },
  AuthorizationHeaderMalformed: { code: 'CONFIG_INVALID', hint: regionHint },
  InvalidAccessKeyId: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  SignatureDoesNotMatch: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  ExpiredToken: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  InvalidToken: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  CredentialsProviderError: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  InvalidObjectState: { code: 'UNAVAILABLE', hint: 'The object is archived: restore it first.' },
  AbortError: { code: 'ABORTED' },
  [REPLY_TOO_LONG]: { code: 'RESPONSE_MALFORMED', hint: 'Check what answers in the place of AWS S3.' },
};

/** What a policy has to allow for an operation. */
const permissions: Readonly<Record<string, string>> = { ListObjectsV2: 's3:ListBucket' };

/** The call as messages begin with it. */
export function textOf({ operation, bucket }: S3Call): string {
  return `AWS S3 ${operation} "${bucket}"`;
}

/** The name of an error: the code that S3 gave it. */
export function nameOf(error: unknown): string | undefined {
  return isError(error) ? error.name : undefined;
}

/** How often the SDK sent the request that failed. */
export function attemptsOf(error: unknown): number | undefined {
  return vendorFacts(error).attempts;
}

/** The error of a reply that S3 does not give. */
export function unreadable(call: S3Call, cause?: unknown): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${textOf(call)}: the reply is not from S3`, { cause });
}

/** Puts what the SDK threw into one of our codes, without anything of the request or the reply that may be secret. */
export function mapS3Error(error: unknown, call: S3Call): TamperError {
  if (error instanceof TamperError) return error;
  const what = textOf(call);
  const facts = vendorFacts(error);
  if (isError(error) && error.message === 'Region is missing') {
    return new TamperError('CONFIG_INVALID', `${what}: no region`, { hint: 'Set aws_region or AWS_REGION.' });
  }
  if (facts.name === 'AccessDenied') {
    const hint = `The identity needs ${permissions[call.operation] ?? `s3:${call.operation}`}.`;
    return failed(what, { code: 'ACCESS_DENIED', hint }, facts);
  }
  // it says that all is well, and cannot be read
  if (facts.status !== undefined && facts.status < 300 && facts.code === undefined) return unreadable(call);
  const isFile = facts.code !== undefined && fileCode.test(facts.code);
  if (isFile) return failed(what, { code: 'UNAUTHENTICATED', hint: credentialsHint }, facts);
  return failed(what, meanings[facts.name] ?? { code: 'UNAVAILABLE', retryable: mayPass(facts) }, facts);
}

function failed(what: string, meaning: Meaning, facts: VendorFacts): TamperError {
  const detail = [facts.code ?? facts.name, facts.message].filter(Boolean).join(': ');
  return serviceError(meaning, `${what} failed (${detail})`, {
    cause: withoutBodies(facts),
    requestId: facts.requestId,
  });
}

/** Whether the same request may succeed later: there was no reply, or none to the end, or one that says so. */
function mayPass({ code, name, status = 0 }: VendorFacts): boolean {
  if (code !== undefined) return isNetworkCode(code);
  return name === 'TimeoutError' || status >= 500 || status === 408 || status === 429;
}
