import { isTamperError, TamperError, type TamperErrorCode } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import type { KeyOperation } from '../../keys/events.ts';
import { type VendorFacts, vendorFacts } from './vendor-error.ts';

/** One call, for the message. */
export interface GcpCall {
  readonly operation: KeyOperation;
  /** The method of the service: `encrypt`; `initialize` finds the credentials. */
  readonly method: string;
  readonly resource: string;
}

interface Meaning {
  readonly code: TamperErrorCode;
  readonly says: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const credentialsHint =
  'Google Cloud KMS uses Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud, or the service account of this machine.';
const untrusted: Meaning = {
  code: 'TLS_FAILED',
  says: 'no trusted connection',
  hint: 'Check proxies, NODE_EXTRA_CA_CERTS and GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.',
};
const unavailable: Meaning = { code: 'UNAVAILABLE', says: 'the service is not available', retryable: true };

/** What a google.rpc.Code means where nothing more is known. */
const meanings: Readonly<Record<string, Meaning>> = {
  CANCELLED: { code: 'UNAVAILABLE', says: 'the service canceled the call', retryable: true }, // we never cancel a call ourselves
  UNKNOWN: { code: 'UNAVAILABLE', says: 'the service failed', retryable: true },
  DEADLINE_EXCEEDED: { code: 'TIMEOUT', says: 'no answer in time', retryable: true },
  NOT_FOUND: {
    code: 'KEY_NOT_FOUND',
    says: 'there is no such key or version',
    hint: 'Check project, location, key ring, key and version in the name.',
  },
  PERMISSION_DENIED: {
    code: 'ACCESS_DENIED',
    says: 'access denied',
    hint: 'Grant the role on this key to this principal.',
  },
  RESOURCE_EXHAUSTED: { code: 'THROTTLED', says: 'a quota is used up', retryable: true },
  ABORTED: unavailable,
  INTERNAL: { code: 'UNAVAILABLE', says: 'the service failed', retryable: true },
  UNAVAILABLE: unavailable,
  DATA_LOSS: { code: 'RESPONSE_CORRUPTED', says: 'the reply was damaged', retryable: true },
  UNIMPLEMENTED: { code: 'UNSUPPORTED_OPERATION', says: 'the service does not have this method' },
  UNAUTHENTICATED: { code: 'UNAUTHENTICATED', says: 'the credentials were refused', hint: credentialsHint },
};

/** HTTP statuses without a google.rpc.Code: proxies, and servers that are not Cloud KMS. */
function ofHttp(http: number): Meaning {
  if (http === 401) return meanings['UNAUTHENTICATED'] as Meaning;
  if (http === 403) return meanings['PERMISSION_DENIED'] as Meaning;
  if (http === 404) return meanings['NOT_FOUND'] as Meaning;
  if (http === 408 || http === 504) return meanings['DEADLINE_EXCEEDED'] as Meaning;
  if (http === 429) return meanings['RESOURCE_EXHAUSTED'] as Meaning;
  if (http >= 500) return { code: 'UNAVAILABLE', says: `the service answered ${http}`, retryable: true };
  return { code: 'USAGE', says: `the service refused the request (${http})` };
}

const tlsText = /certificate|altnames|SSL routines|wrong version number|EPROTO/i;
const networkText = /ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|socket hang up|status code 5\d\d|UNAVAILABLE/;
const endedText = /client has already been closed|Channel has been shut down/i;
const timeoutText = /aborted|timed? ?out|ETIMEDOUT/i;

/** A reply that the SDK cannot read; on one that is not an object it sets a property. */
const unreadableText =
  /JSON|Unexpected token|no such type|invalid wire type|content size|null response|^Cannot create property 'res'/i;
/** What the service says of a request, as far as it cannot repeat the request's bytes. */
const safeRefusal =
  /^(?:The checksum in field \w+ did not match|Decryption failed: verify that|Resource name \[|Permission ')/;

/** What is kept of an error of the SDK. */
class ServiceError extends Error {
  /** What the key is for that refused to be used for something else: `MAC`. */
  readonly purpose: string | undefined;

  constructor(detail: string, { name, message }: VendorFacts) {
    super(detail);
    this.name = name;
    this.purpose = /purpose: ([A-Z_]+)/.exec(message)?.[1];
  }
}

/** Whether the service refused a call because the key is for MACs. */
export function isForMacs(error: unknown): boolean {
  return (
    isTamperError(error, 'KEY_WRONG_USAGE') && error.cause instanceof ServiceError && error.cause.purpose === 'MAC'
  );
}

/**
 * Puts what the SDK threw into one of our codes. Nothing of the request, the reply, the headers or the credentials goes
 * along but the service's one-line message, where that is safe.
 */
export function mapGcpError(error: unknown, call: GcpCall): TamperError {
  if (error instanceof TamperError) return error;
  const facts = vendorFacts(error);
  const { code, says, hint, retryable } = meaningOf(facts, call);
  const detail = [facts.status ?? facts.http ?? facts.node ?? facts.name, printable(facts, call)]
    .filter(Boolean)
    .join(': ');
  const cause = new ServiceError(detail, facts);
  return new TamperError(code, `Google Cloud KMS ${call.method} "${call.resource}": ${says} (${detail})`, {
    cause,
    ...(hint !== undefined && { hint }),
    ...(facts.requestId !== undefined && { requestId: facts.requestId }),
    ...(facts.retryAfterMs !== undefined && { retryAfterMs: facts.retryAfterMs }),
    retryable: retryable ?? false,
  });
}

function meaningOf(facts: VendorFacts, call: GcpCall): Meaning {
  if (isTlsCode(facts.node)) return untrusted;
  if (facts.credentials || call.method === 'initialize') return credentialsMeaning(facts);
  if ((facts.status === 'UNAVAILABLE' || facts.status === undefined) && tlsText.test(facts.message)) return untrusted;
  if (facts.status === 'INVALID_ARGUMENT') return invalidArgument(facts, call);
  if (facts.status === 'FAILED_PRECONDITION') return failedPrecondition(facts);
  if (facts.reason === 'SERVICE_DISABLED') return apiDisabled;
  if (facts.status === 'INTERNAL' && /pars|deserializ|decod/i.test(facts.message)) {
    return { code: 'RESPONSE_MALFORMED', says: 'the reply cannot be read', retryable: true };
  }
  if (endedText.test(facts.message)) return unavailable; // given up after a call that timed out on it
  const named = facts.status === undefined ? undefined : meanings[facts.status];
  if (named !== undefined) return named;
  if (facts.http !== undefined) return ofHttp(facts.http);
  if (facts.node === 'ETIMEDOUT' || timeoutText.test(facts.message)) return meanings['DEADLINE_EXCEEDED'] as Meaning;
  if (isNetworkCode(facts.node) || networkText.test(facts.message)) {
    return { code: 'UNAVAILABLE', says: 'not reachable', retryable: true };
  }
  if (facts.status !== undefined) return { code: 'USAGE', says: 'the service refused the request' };
  if (unreadableText.test(facts.message)) {
    return { code: 'RESPONSE_MALFORMED', says: 'the reply cannot be read', retryable: true };
  }
  return { code: 'INTERNAL', says: 'the Google Cloud SDK failed' };
}

function credentialsMeaning(facts: VendorFacts): Meaning {
  if (facts.node === 'ETIMEDOUT' || timeoutText.test(facts.message)) {
    return { code: 'TIMEOUT', says: 'no credentials in time', hint: credentialsHint, retryable: true };
  }
  if (isNetworkCode(facts.node) || (facts.http ?? 0) >= 500 || networkText.test(facts.message)) {
    return {
      code: 'UNAVAILABLE',
      says: 'the issuer of the credentials cannot be reached',
      hint: credentialsHint,
      retryable: true,
    };
  }
  const says = facts.unreadableFile ?? 'no credentials';
  return { code: 'UNAUTHENTICATED', says, hint: credentialsHint };
}

function invalidArgument(facts: VendorFacts, call: GcpCall): Meaning {
  if (/checksum|crc32c/i.test(facts.message)) {
    return { code: 'RESPONSE_CORRUPTED', says: 'the request was damaged in transit', retryable: true };
  }
  if (/purpose/i.test(facts.message)) return wrongPurpose;
  if (call.operation === 'recoverKey') {
    return {
      code: 'WRONG_KEY_OR_CONTEXT',
      says: 'the wrapped data key was altered, or belongs to another stream, key period or key',
    };
  }
  return { code: 'USAGE', says: 'the service refused the request' };
}

const wrongPurpose: Meaning = {
  code: 'KEY_WRONG_USAGE',
  says: 'the key has a different purpose',
  hint: 'Data keys need purpose encryption; signing needs asymmetric-signing or mac.',
};

const apiDisabled: Meaning = {
  code: 'ACCESS_DENIED',
  says: 'the Cloud KMS API is not enabled in this project',
  hint: 'Enable it with: gcloud services enable cloudkms.googleapis.com',
};

/** Only the state in the text, or the type of the violation, tells which. */
function failedPrecondition(facts: VendorFacts): Meaning {
  if (/purpose/i.test(facts.message)) return wrongPurpose;
  if (/has not been used in project|API .*disabled/i.test(facts.message)) return apiDisabled;
  const state = /current state is: ([A-Z_]+)/.exec(facts.message)?.[1] ?? facts.violations;
  if (/DESTR/.test(state)) {
    return {
      code: 'KEY_PENDING_DELETION',
      says: 'the version is destroyed or scheduled for destruction',
      hint: 'Restore it while it is only scheduled; once it is destroyed, nothing that it wrapped can be recovered.',
    };
  }
  if (/DISABLED/.test(state)) {
    return { code: 'KEY_DISABLED', says: 'the version is disabled', hint: 'Enable it, or name another version.' };
  }
  return {
    code: 'KEY_VERSION_UNAVAILABLE',
    says: 'the key or version is not in a usable state',
    hint: 'Check its state with: gcloud kms keys versions describe',
    retryable: /PENDING_(?:GENERATION|IMPORT)/.test(state),
  };
}

/** A refused request may be repeated in the refusal, and a credential in the reason why it failed. */
function printable(facts: VendorFacts, call: GcpCall): string | undefined {
  if (facts.credentials || call.method === 'initialize') {
    return /Could not load the default credentials|(?:invalid|unauthorized)_\w+|E[A-Z]{4,}|status code \d{3}/.exec(
      facts.message,
    )?.[0];
  }
  const secret = call.operation === 'getKey' || call.operation === 'recoverKey';
  if (secret && facts.status === 'INVALID_ARGUMENT' && !safeRefusal.test(facts.message)) return undefined;
  return facts.message;
}
