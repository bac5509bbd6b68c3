import { isError, TamperError } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import {
  fileCode,
  REPLY_TOO_LONG,
  type VendorFacts,
  vendorFacts,
  withoutBodies,
} from '../internal/aws-vendor-error.ts';
import { meanings, serviceError, type WordedMeaning } from '../internal/service-error.ts';

/** What was being done, for messages. */
export interface AwsCall {
  /** The operation as AWS and its IAM action name it: `GenerateDataKey`. */
  readonly operation: string;
  /** The key as the call named it. */
  readonly keyId: string;
}

const credentialsHint =
  'Check the credential chain (environment, web identity, container, instance role) with: fapilog-tamper doctor';
const notFoundHint =
  'Check the name, the account and the region; a name that is not an ARN is looked up in the configured region.';

const unauthenticated = (says: string): WordedMeaning => ({ code: 'UNAUTHENTICATED', says, hint: credentialsHint });
const notFound = (says: string): WordedMeaning => ({ code: 'KEY_NOT_FOUND', says, hint: notFoundHint });
const unavailable = (says: string): WordedMeaning => ({ code: 'UNAVAILABLE', says, retryable: true });

/**
 * AWS exceptions by name, with or without `Exception` at the end, which depends on the service that says it. Names, not
 * classes: an injected client may come from another copy of the SDK.
 */
const byName: ReadonlyMap<string, WordedMeaning> = new Map(
  Object.entries<WordedMeaning>({
    NotFoundException: notFound('there is no such key'),
    InvalidArnException: notFound('the ARN is not valid here'),
    DisabledException: {
      code: 'KEY_DISABLED',
      says: 'the key is disabled',
      hint: 'Enable it, or seal with another key.',
    },
    InvalidKeyUsageException: { code: 'KEY_WRONG_USAGE', says: 'the key has a different use' },
    UnsupportedOperationException: { code: 'KEY_WRONG_USAGE', says: 'the key cannot do this' },
    IncorrectKeyException: { code: 'WRONG_KEY_OR_CONTEXT', says: 'another key wrapped this data key' },
    InvalidCiphertextException: meanings.altered,
    AccessDeniedException: { ...meanings.denied, hint: 'Allow the action to this role on this key.' },
    UnrecognizedClientException: unauthenticated('the credentials are unknown'),
    InvalidClientTokenId: unauthenticated('the credentials are unknown'),
    ExpiredToken: unauthenticated('the session credentials have expired'),
    RequestExpired: { code: 'UNAUTHENTICATED', says: 'the request was too old', hint: 'Check the clock of this host.' },
    CredentialsProviderError: unauthenticated('no credentials'),
    TokenProviderError: unauthenticated('no credentials'),
    InvalidIdentityToken: unauthenticated('the web identity token was refused'),
    AccessDenied: unauthenticated('no credentials were issued for the role'), // STS's spelling
    InvalidSignature: unauthenticated('the secret key is wrong'),
    SignatureDoesNotMatch: unauthenticated('the secret key is wrong'),
    IncompleteSignature: unauthenticated('the request was not signed correctly'),
    MissingAuthenticationToken: unauthenticated('the request was not signed'),
    ThrottlingException: meanings.throttled,
    Throttling: meanings.throttled,
    TooManyRequestsException: meanings.throttled,
    RequestLimitExceeded: meanings.throttled,
    LimitExceededException: { ...meanings.throttled, says: 'a limit of the account was reached' },
    KMSInternalException: meanings.failed,
    DependencyTimeoutException: meanings.failed,
    KeyUnavailableException: unavailable('the key is not available at the moment'),
    ServiceUnavailableException: unavailable('the service is not available'),
    TimeoutError: meanings.late,
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
  const meaning = meaningOf(facts, error);
  const detail = [facts.code ?? facts.name, facts.message].filter(Boolean).join(': ');
  return serviceError(meaning, `AWS KMS ${call.operation} "${call.keyId}": ${meaning.says} (${detail})`, {
    cause: withoutBodies(facts),
    requestId: facts.requestId,
  });
}

function meaningOf(facts: VendorFacts, error: unknown): WordedMeaning {
  if (facts.name === 'KMSInvalidStateException') return invalidState(facts.message ?? '');
  // the code first: the SDK gives a cut connection the name TimeoutError
  if (isTlsCode(facts.code)) return meanings.untrusted;
  if (facts.code === 'ETIMEDOUT') return meanings.late;
  if (isNetworkCode(facts.code)) return meanings.unreachable;
  if (facts.code !== undefined && fileCode.test(facts.code)) {
    return unauthenticated('a file with credentials cannot be read');
  }
  if (facts.code?.startsWith('HPE_')) return { code: 'RESPONSE_MALFORMED', says: 'what answers does not speak HTTP' };
  const named = byName.get(facts.name) ?? byName.get(facts.name.replace(/Exception$/, ''));
  if (named !== undefined) return named;
  if (facts.status === 429) return meanings.throttled;
  if (facts.status !== undefined && facts.status >= 500) return unavailable(`the service answered ${facts.status}`);
  if (facts.status === 200) return { code: 'RESPONSE_MALFORMED', says: 'the reply cannot be read' };
  if (facts.status === 403) return meanings.denied;
  if (isError(error) && error.message === 'Region is missing') {
    return { code: 'CONFIG_INVALID', says: 'no region', hint: 'Set aws_region or AWS_REGION.' };
  }
  if (facts.status !== undefined) return { code: 'USAGE', says: `the service refused the request (${facts.status})` };
  return { code: 'INTERNAL', says: 'the AWS SDK failed' };
}

/** One exception for several states; only its text tells which. */
function invalidState(message: string): WordedMeaning {
  if (/import|creating|updating|unavailable/i.test(message)) {
    return { code: 'KEY_VERSION_UNAVAILABLE', says: 'the key is not in a usable state' };
  }
  return {
    code: 'KEY_PENDING_DELETION',
    says: 'the key is pending deletion',
    hint: 'Cancel the deletion during the waiting period; after that, nothing it wrapped can be recovered.',
  };
}
