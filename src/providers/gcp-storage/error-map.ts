import { isError, TamperError } from '../../errors.ts';
import { isNetworkCode, isTlsCode, nodeCodeOf } from '../../foundation/connection-failure.ts';
import { type Meaning, serviceError } from '../internal/service-error.ts';
import { unreadableFile } from '../internal/unreadable-file.ts';
import { membersOf, numberOf } from '../internal/vendor-text.ts';

/** What was being done, for messages. */
export interface GcsCall {
  /** The method of the JSON interface: `objects.get`. */
  readonly method: string;
  readonly bucket: string;
}

/** A refusal, as far as it can be read. */
export interface GcsRefusal {
  readonly status: number;
  /** `reason` of its first error: `conditionNotMet`. */
  readonly reason: string | undefined;
  /** What it says, one line. */
  readonly message: string | undefined;
  readonly retryAfterMs: number | undefined;
}

const credentialsHint =
  'Google Cloud Storage uses Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud, or the service account of this machine.';
const rolesHint =
  'The principal needs storage.objects.list and storage.objects.get on the bucket (role Storage Object Viewer); storage.objects.create and storage.objects.delete if it writes (Storage Object User).';

/** The call as messages begin with it. */
export function textOf({ method, bucket }: GcsCall): string {
  return `Google Cloud Storage ${method} "${bucket}"`;
}

/** The error of a reply that Google Cloud Storage does not give. */
export function unreadable(call: GcsCall): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${textOf(call)}: the reply is not from Google Cloud Storage`);
}

/** The error of a request that was refused. */
export function refused(call: GcsCall, refusal: GcsRefusal): TamperError {
  const { status, reason, message, retryAfterMs } = refusal;
  const detail = [[status, reason].filter((part) => part !== undefined).join(' '), message].filter(Boolean).join(': ');
  return serviceError(meaningOf(refusal), `${textOf(call)} failed (${detail})`, { retryAfterMs });
}

/** Whether a refusal says that there is no such bucket. */
export function isBucketAbsent({ status, message = '' }: GcsRefusal): boolean {
  return status === 404 && /\bbucket does not exist\b/i.test(message);
}

function meaningOf(refusal: GcsRefusal): Meaning {
  const { status, reason } = refusal;
  if (status === 401) return { code: 'UNAUTHENTICATED', hint: credentialsHint };
  if (status === 429 || /rateLimitExceeded$/i.test(reason ?? '')) return { code: 'UNAVAILABLE', retryable: true };
  if (status === 403) return { code: 'ACCESS_DENIED', hint: rolesHint };
  if (status === 404) return { code: 'NOT_FOUND', hint: 'Check the name of the bucket.' };
  if (status === 408 || status >= 500) return { code: 'UNAVAILABLE', retryable: true };
  if (reason === undefined) return { code: 'RESPONSE_MALFORMED' }; // the service names a reason
  return { code: 'UNAVAILABLE' };
}

/** The error of a request without a reply. Of what was thrown only Node's code goes along: it holds the request. */
export function unanswered(call: GcsCall, error: unknown): TamperError {
  if (error instanceof TamperError) return error;
  const code = nodeCodeOf(error);
  return new TamperError('UNAVAILABLE', `${textOf(call)} failed: no reply (${code ?? nameOf(error)})`, {
    retryable: !isTlsCode(code),
    hint: isTlsCode(code) ? 'No trusted connection: check proxies and NODE_EXTRA_CA_CERTS.' : 'Check the network path.',
  });
}

/** The error of credentials that could not be had. What is said of them may repeat them. */
export function withoutCredentials(call: GcsCall, error: unknown): TamperError {
  if (error instanceof TamperError) return error;
  const status = statusOf(error);
  const node = nodeCodeOf(error);
  const text = isError(error) ? error.message : '';
  const away = (status ?? 0) >= 500 || status === 408 || status === 429;
  if (away || (status === undefined && (isNetworkCode(node) || /timed? ?out|aborted/i.test(text)))) {
    return new TamperError(
      'UNAVAILABLE',
      `${textOf(call)} failed: the issuer of the credentials cannot be reached (${node ?? status ?? nameOf(error)})`,
      { retryable: true, hint: credentialsHint },
    );
  }
  const says = /Could not load the default credentials|(?:invalid|unauthorized)_\w+/.exec(text)?.[0];
  const detail = [status ?? node, says].filter((part) => part !== undefined).join(' ') || nameOf(error);
  const why = unreadableFile(text) ?? 'no credentials';
  return new TamperError('UNAUTHENTICATED', `${textOf(call)} failed: ${why} (${detail})`, {
    hint: credentialsHint,
  });
}

function nameOf(error: unknown): string {
  return isError(error) ? error.name : typeof error;
}

function statusOf(error: unknown): number | undefined {
  return numberOf(membersOf(membersOf(error)['response'])['status']);
}
