import { isTamperError, TamperError } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import type { KeyOperation } from '../../keys/events.ts';
import { meanings, serviceError, type WordedMeaning } from '../internal/service-error.ts';
import { type VendorFacts, vendorFacts } from './vendor-error.ts';

/** One call, for the message. */
export interface GcpCall {
  readonly operation: KeyOperation;
  /** The method of the service: `encrypt`; `initialize` finds the credentials. */
  readonly method: string;
  readonly resource: string;
}

const credentialsHint =
  'Google Cloud KMS uses Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud, or the service account of this machine.';
const untrusted: WordedMeaning = {
  ...meanings.untrusted,
  hint: 'Check proxies, NODE_EXTRA_CA_CERTS and GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.',
};
const unavailable: WordedMeaning = { code: 'UNAVAILABLE', says: 'the service is not available', retryable: true };
const unreadable: WordedMeaning = { code: 'RESPONSE_MALFORMED', says: 'the reply cannot be read', retryable: true };

/** What a google.rpc.Code means where nothing more is known. */
const byStatus: Readonly<Record<string, WordedMeaning>> = {
  CANCELLED: { code: 'UNAVAILABLE', says: 'the service canceled the call', retryable: true }, // we never cancel a call ourselves
  UNKNOWN: meanings.failed,
  DEADLINE_EXCEEDED: meanings.late,
  NOT_FOUND: {
    code: 'KEY_NOT_FOUND',
    says: 'there is no such key or version',
    hint: 'Check project, location, key ring, key and version in the name.',
  },
  PERMISSION_DENIED: { ...meanings.denied, hint: 'Grant the role on this key to this principal.' },
  RESOURCE_EXHAUSTED: { ...meanings.throttled, says: 'a quota is used up' },
  ABORTED: unavailable,
  INTERNAL: meanings.failed,
  UNAVAILABLE: unavailable,
  DATA_LOSS: { code: 'RESPONSE_CORRUPTED', says: 'the reply was damaged', retryable: true },
  UNIMPLEMENTED: { code: 'UNSUPPORTED_OPERATION', says: 'the service does not have this method' },
  UNAUTHENTICATED: { code: 'UNAUTHENTICATED', says: 'the credentials were refused', hint: credentialsHint },
};

/** HTTP statuses without a google.rpc.Code, from proxies and servers that are not Cloud KMS, by the code that they stand for. */
const codesOfHttp: ReadonlyMap<number, string> = new Map([
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [408, 'DEADLINE_EXCEEDED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [504, 'DEADLINE_EXCEEDED'],
]);

function ofHttp(http: number): WordedMeaning {
  const named = byStatus[codesOfHttp.get(http) ?? ''];
  if (named !== undefined) return named;
  if (http >= 500) return { ...meanings.failed, says: `the service answered ${http}` };
  return { ...meanings.refused, says: `the service refused the request (${http})` };
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
  const meaning = meaningOf(facts, call);
  const detail = [facts.status ?? facts.http ?? facts.node ?? facts.name, printable(facts, call)]
    .filter(Boolean)
    .join(': ');
  return serviceError(meaning, `Google Cloud KMS ${call.method} "${call.resource}": ${meaning.says} (${detail})`, {
    cause: new ServiceError(detail, facts),
    requestId: facts.requestId,
    retryAfterMs: facts.retryAfterMs,
  });
}

function meaningOf(facts: VendorFacts, call: GcpCall): WordedMeaning {
  if (isTlsCode(facts.node)) return untrusted;
  if (facts.credentials || call.method === 'initialize') return credentialsMeaning(facts);
  if ((facts.status === 'UNAVAILABLE' || facts.status === undefined) && tlsText.test(facts.message)) return untrusted;
  if (facts.status === 'INVALID_ARGUMENT') return invalidArgument(facts, call);
  if (facts.status === 'FAILED_PRECONDITION') return failedPrecondition(facts);
  if (facts.reason === 'SERVICE_DISABLED') return apiDisabled;
  if (facts.status === 'INTERNAL' && /pars|deserializ|decod/i.test(facts.message)) return unreadable;
  if (endedText.test(facts.message)) return unavailable; // given up after a call that timed out on it
  const named = facts.status === undefined ? undefined : byStatus[facts.status];
  if (named !== undefined) return named;
  if (facts.http !== undefined) return ofHttp(facts.http);
  if (facts.node === 'ETIMEDOUT' || timeoutText.test(facts.message)) return meanings.late;
  if (isNetworkCode(facts.node) || networkText.test(facts.message)) return meanings.unreachable;
  if (facts.status !== undefined) return meanings.refused;
  if (unreadableText.test(facts.message)) return unreadable;
  return { code: 'INTERNAL', says: 'the Google Cloud SDK failed' };
}

function credentialsMeaning(facts: VendorFacts): WordedMeaning {
  if (facts.node === 'ETIMEDOUT' || timeoutText.test(facts.message)) {
    return { ...meanings.late, says: 'no credentials in time', hint: credentialsHint };
  }
  if (isNetworkCode(facts.node) || (facts.http ?? 0) >= 500 || networkText.test(facts.message)) {
    const says = 'the issuer of the credentials cannot be reached';
    return { ...meanings.unreachable, says, hint: credentialsHint };
  }
  const says = facts.unreadableFile ?? 'no credentials';
  return { code: 'UNAUTHENTICATED', says, hint: credentialsHint };
}

function invalidArgument(facts: VendorFacts, call: GcpCall): WordedMeaning {
  if (/checksum|crc32c/i.test(facts.message)) {
    return { code: 'RESPONSE_CORRUPTED', says: 'the request was damaged in transit', retryable: true };
  }
  if (/purpose/i.test(facts.message)) return wrongPurpose;
  return call.operation === 'recoverKey' ? meanings.altered : meanings.refused;
}

const wrongPurpose: WordedMeaning = {
  code: 'KEY_WRONG_USAGE',
  says: 'the key has a different purpose',
  hint: 'Data keys need purpose encryption; signing needs asymmetric-signing or mac.',
};

const apiDisabled: WordedMeaning = {
  code: 'ACCESS_DENIED',
  says: 'the Cloud KMS API is not enabled in this project',
  hint: 'Enable it with: gcloud services enable cloudkms.googleapis.com',
};

/** Only the state in the text, or the type of the violation, tells which. */
function failedPrecondition(facts: VendorFacts): WordedMeaning {
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
