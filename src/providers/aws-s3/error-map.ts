import { isError, TamperError, type TamperErrorCode } from '../../errors.ts';
import { vendorFacts, withoutBodies } from '../internal/aws-vendor-error.ts';

/** What was being done, for messages. */
export interface S3Call {
  /** The operation as AWS names it: `PutObject`. */
  readonly operation: string;
  readonly bucket: string;
}

const credentialsHint = 'Check the credential chain: environment, profile, web identity, container, instance role.';

/** Errors of S3 and of the SDK by name; all others are `UNAVAILABLE`. */
const meanings: Readonly<Record<string, { readonly code: TamperErrorCode; readonly hint?: string }>> = {
  AccessDenied: { code: 'ACCESS_DENIED', hint: 'The writer needs s3:PutObject, s3:GetObject and s3:ListBucket.' },
  NoSuchBucket: { code: 'CONFIG_INVALID', hint: 'Check the name of the bucket in anchors.' },
  PermanentRedirect: { code: 'CONFIG_INVALID', hint: 'The bucket is in another region: set aws_region or AWS_REGION.' },
  InvalidAccessKeyId: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  SignatureDoesNotMatch: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  ExpiredToken: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  InvalidToken: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  CredentialsProviderError: { code: 'UNAUTHENTICATED', hint: credentialsHint },
  AbortError: { code: 'ABORTED' },
};

/** The error of a reply that S3 does not give. */
export function unreadable({ operation, bucket }: S3Call): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `AWS S3 ${operation} "${bucket}": the reply is none of S3`);
}

/** Puts what the SDK threw into one of our codes, without anything of the request or the reply that may be secret. */
export function mapS3Error(error: unknown, { operation, bucket }: S3Call): TamperError {
  if (error instanceof TamperError) return error;
  const facts = vendorFacts(error);
  if (isError(error) && error.message === 'Region is missing') {
    return new TamperError('CONFIG_INVALID', `AWS S3 ${operation} "${bucket}": no region`, {
      hint: 'Set aws_region or AWS_REGION.',
    });
  }
  const { code, hint } = meanings[facts.name] ?? { code: 'UNAVAILABLE' };
  const detail = [facts.code ?? facts.name, facts.message].filter(Boolean).join(': ');
  return new TamperError(code, `AWS S3 ${operation} "${bucket}" failed (${detail})`, {
    cause: withoutBodies(facts),
    ...(hint !== undefined && { hint }),
    ...(facts.requestId !== undefined && { requestId: facts.requestId }),
  });
}
