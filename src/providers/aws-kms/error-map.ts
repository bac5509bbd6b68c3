import { isError, TamperError, type TamperErrorCode } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import {
  fileCode,
  REPLY_TOO_LONG,
  type VendorFacts,
  vendorFacts,
  withoutBodies,
} from '../internal/aws-vendor-error.ts';

/** What was being done, for messages. */
export interface AwsCall {
  /** The operation as AWS and its IAM action name it: `GenerateDataKey`. */
  readonly operation: string;
  /** The key as the call named it. */
  readonly keyId: string;
}

interface Meaning {
  readonly code: TamperErrorCode;
  readonly says: string;
  readonly hint?: string;
  readonly retryable?: true;
}

const credentialsHint =
  'Check the credential chain (environment, web identity, container, instance role) with: fapilog-tamper doctor';
const notFoundHint =
  'Check the name, the account and the region; a name that is not an ARN is looked up in the configured region.';

/**
 * AWS exceptions by name, with or without `Exception` at the end, which depends on the service that says it. Names, not
 * classes: an injected client may come from another copy of the SDK.
 */
const meanings: ReadonlyMap<string, Meaning> = new Map(
  Object.entries<Meaning>({
    NotFoundException: { code: 'KEY_NOT_FOUND', says: 'there is no such key', hint: notFoundHint },
    InvalidArnException: { code: 'KEY_NOT_FOUND', says: 'the ARN is not valid here', hint: notFoundHint },
    DisabledException: {
      code: 'KEY_DISABLED',
      says: 'the key is disabled',
      hint: 'Enable it, or seal with another key.',
    },
    InvalidKeyUsageException: { code: 'KEY_WRONG_USAGE', says: 'the key has a different use' },
    UnsupportedOperationException: { code: 'KEY_WRONG_USAGE', says: 'the key cannot do this' },
    IncorrectKeyException: { code: 'WRONG_KEY_OR_CONTEXT', says: 'another key wrapped this data key' },
    InvalidCiphertextException: {
      code: 'WRONG_KEY_OR_CONTEXT',
      says: 'the wrapped data key was altered, or belongs to another stream, key period or key',
    },
    AccessDeniedException: {
      code: 'ACCESS_DENIED',
      says: 'access denied',
      hint: 'Allow the action to this role on this key.',
    },
    UnrecognizedClientException: {
      code: 'UNAUTHENTICATED',
      says: 'the credentials are unknown',
      hint: credentialsHint,
    },
    InvalidClientTokenId: { code: 'UNAUTHENTICATED', says: 'the credentials are unknown', hint: credentialsHint },
    ExpiredToken: { code: 'UNAUTHENTICATED', says: 'the session credentials have expired', hint: credentialsHint },
    RequestExpired: { code: 'UNAUTHENTICATED', says: 'the request was too old', hint: 'Check the clock of this host.' },
    CredentialsProviderError: { code: 'UNAUTHENTICATED', says: 'no credentials', hint: credentialsHint },
    TokenProviderError: { code: 'UNAUTHENTICATED', says: 'no credentials', hint: credentialsHint },
    InvalidIdentityToken: {
      code: 'UNAUTHENTICATED',
      says: 'the web identity token was refused',
      hint: credentialsHint,
    },
    AccessDenied: { code: 'UNAUTHENTICATED', says: 'no credentials were issued for the role', hint: credentialsHint }, // STS's spelling
    InvalidSignature: { code: 'UNAUTHENTICATED', says: 'the secret key is wrong', hint: credentialsHint },
    SignatureDoesNotMatch: { code: 'UNAUTHENTICATED', says: 'the secret key is wrong', hint: credentialsHint },
    IncompleteSignature: {
      code: 'UNAUTHENTICATED',
      says: 'the request was not signed correctly',
      hint: credentialsHint,
    },
    MissingAuthenticationToken: { code: 'UNAUTHENTICATED', says: 'the request was not signed', hint: credentialsHint },
    ThrottlingException: { code: 'THROTTLED', says: 'too many requests', retryable: true },
    Throttling: { code: 'THROTTLED', says: 'too many requests', retryable: true },
    TooManyRequestsException: { code: 'THROTTLED', says: 'too many requests', retryable: true },
    RequestLimitExceeded: { code: 'THROTTLED', says: 'too many requests', retryable: true },
    LimitExceededException: { code: 'THROTTLED', says: 'a limit of the account was reached', retryable: true },
    KMSInternalException: { code: 'UNAVAILABLE', says: 'the service failed', retryable: true },
    DependencyTimeoutException: { code: 'UNAVAILABLE', says: 'the service failed', retryable: true },
    KeyUnavailableException: { code: 'UNAVAILABLE', says: 'the key is not available at the moment', retryable: true },
    ServiceUnavailableException: { code: 'UNAVAILABLE', says: 'the service is not available', retryable: true },
    TimeoutError: { code: 'TIMEOUT', says: 'no answer in time', retryable: true },
    [REPLY_TOO_LONG]: { code: 'RESPONSE_MALFORMED', says: 'what answers is not AWS KMS' },
    AbortError: { code: 'ABORTED', says: 'the call was abandoned' },
    EndpointError: {
      code: 'CONFIG_INVALID',
      says: 'the endpoint does not match',
      hint: 'Check region, FIPS and endpoint.',
    },
  }),
);

/**
 * Puts what the SDK threw into one of our codes. Nothing of the request or the reply goes along but the exception's name,
 * its first line where that is safe, and the request id.
 */
export function mapAwsError(error: unknown, call: AwsCall): TamperError {
  if (error instanceof TamperError) return error;
  const facts = vendorFacts(error);
  const { code, says, hint, retryable } = meaningOf(facts, error);
  const detail = [facts.code ?? facts.name, facts.message].filter(Boolean).join(': ');
  return new TamperError(code, `AWS KMS ${call.operation} "${call.keyId}": ${says} (${detail})`, {
    cause: withoutBodies(facts),
    ...(hint !== undefined && { hint }),
    ...(facts.requestId !== undefined && { requestId: facts.requestId }),
    retryable: retryable ?? false,
  });
}

function meaningOf(facts: VendorFacts, error: unknown): Meaning {
  if (facts.name === 'KMSInvalidStateException') return invalidState(facts.message ?? '');
  // the code first: the SDK gives a cut connection the name TimeoutError
  if (isTlsCode(facts.code)) {
    return { code: 'TLS_FAILED', says: 'no trusted connection', hint: 'Check proxies and NODE_EXTRA_CA_CERTS.' };
  }
  if (facts.code === 'ETIMEDOUT') return { code: 'TIMEOUT', says: 'no answer in time', retryable: true };
  if (isNetworkCode(facts.code)) {
    return { code: 'UNAVAILABLE', says: 'not reachable', retryable: true };
  }
  if (facts.code !== undefined && fileCode.test(facts.code)) {
    return { code: 'UNAUTHENTICATED', says: 'a file with credentials cannot be read', hint: credentialsHint };
  }
  if (facts.code?.startsWith('HPE_')) return { code: 'RESPONSE_MALFORMED', says: 'what answers does not speak HTTP' };
  const named = meanings.get(facts.name) ?? meanings.get(facts.name.replace(/Exception$/, ''));
  if (named !== undefined) return named;
  if (facts.status === 429) return { code: 'THROTTLED', says: 'too many requests', retryable: true };
  if (facts.status !== undefined && facts.status >= 500) {
    return { code: 'UNAVAILABLE', says: `the service answered ${facts.status}`, retryable: true };
  }
  if (facts.status === 200) return { code: 'RESPONSE_MALFORMED', says: 'the reply cannot be read' };
  if (facts.status === 403) return { code: 'ACCESS_DENIED', says: 'access denied' };
  if (isError(error) && error.message === 'Region is missing') {
    return { code: 'CONFIG_INVALID', says: 'no region', hint: 'Set aws_region or AWS_REGION.' };
  }
  if (facts.status !== undefined) return { code: 'USAGE', says: `the service refused the request (${facts.status})` };
  return { code: 'INTERNAL', says: 'the AWS SDK failed' };
}

/** One exception for several states; only its text tells which. */
function invalidState(message: string): Meaning {
  if (/import|creating|updating|unavailable/i.test(message)) {
    return { code: 'KEY_VERSION_UNAVAILABLE', says: 'the key is not in a usable state' };
  }
  return {
    code: 'KEY_PENDING_DELETION',
    says: 'the key is pending deletion',
    hint: 'Cancel the deletion during the waiting period; after that, nothing it wrapped can be recovered.',
  };
}
