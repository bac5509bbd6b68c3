import { TamperError } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import { type VendorFacts, vendorFacts, withoutRequest } from '../internal/azure/vendor-error.ts';
import { type Meaning, serviceError } from '../internal/service-error.ts';

/** What was being done, for messages. */
export interface AzureBlobCall {
  /** The operation as Azure's REST interface names it: `Put Blob`. */
  readonly operation: string;
  readonly account: string;
  readonly container: string;
}

const roles =
  'The identity needs the role Storage Blob Data Reader on the container; Storage Blob Data Contributor if it writes.';
const credentials = 'Check the credentials of this host, or those in AZURE_STORAGE_CONNECTION_STRING.';

/** Azure's error codes; what is not here is told apart by its status. */
const meanings: Readonly<Record<string, Meaning>> = {
  ContainerNotFound: { code: 'NOT_FOUND', hint: 'Check the names of the account and of the container.' },
  ContainerBeingDeleted: { code: 'NOT_FOUND', hint: 'Check the names of the account and of the container.' },
  AuthorizationPermissionMismatch: { code: 'ACCESS_DENIED', hint: roles },
  AuthorizationFailure: { code: 'ACCESS_DENIED', hint: `${roles} A firewall of the account answers the same.` },
  BlobImmutableDueToPolicy: { code: 'ACCESS_DENIED', hint: 'An immutability policy keeps the blob as it is.' },
  LeaseIdMissing: { code: 'ACCESS_DENIED', hint: 'Somebody holds a lease on the blob: break it, or wait for its end.' },
  AuthenticationFailed: { code: 'UNAUTHENTICATED', hint: credentials },
  InvalidAuthenticationInfo: { code: 'UNAUTHENTICATED', hint: credentials },
  NoAuthenticationInformation: { code: 'UNAUTHENTICATED', hint: credentials },
  KeyBasedAuthenticationNotPermitted: {
    code: 'UNAUTHENTICATED',
    hint: 'The account takes tokens only: unset the key.',
  },
  BlobArchived: { code: 'UNAVAILABLE', hint: 'The blob is in the archive tier: rehydrate it first.' },
};

/** The call as messages begin with it. */
export function textOf({ operation, account, container }: AzureBlobCall): string {
  return `Azure ${operation} "${account}/${container}"`;
}

/** The error of a reply that Azure Blob Storage does not give. */
export function unreadable(call: AzureBlobCall): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${textOf(call)}: the reply is not from Azure Blob Storage`);
}

/** The error code that Azure gave, in the header that every refusal has. */
export function codeOf(error: unknown): string | undefined {
  return vendorFacts(error).code;
}

/**
 * Puts what the SDK threw into one of our codes. Nothing of the request goes along, and of the reply its codes: what it says
 * may repeat a signature.
 */
export function mapAzureBlobError(error: unknown, call: AzureBlobCall): TamperError {
  if (error instanceof TamperError) return error;
  const facts = vendorFacts(error);
  const detail = [facts.status, facts.code ?? facts.name].filter((part) => part !== undefined).join(' ');
  return serviceError(meaningOf(facts), `${textOf(call)} failed (${detail})`, {
    cause: withoutRequest(facts),
    requestId: facts.requestId,
  });
}

function meaningOf({ code, status, name, message }: VendorFacts): Meaning {
  const known = code === undefined ? undefined : meanings[code];
  if (known !== undefined) return known;
  if (isTlsCode(code))
    return { code: 'UNAVAILABLE', hint: 'No trusted connection: check proxies and NODE_EXTRA_CA_CERTS.' };
  if (name === 'AbortError') return { code: 'UNAVAILABLE', retryable: true }; // our own signals were looked at before
  if (code === 'PARSE_ERROR' && message?.startsWith('Error reading response') === true) {
    return { code: 'UNAVAILABLE', retryable: true }; // it broke off
  }
  if (isNetworkCode(code) || code === 'REQUEST_SEND_ERROR') {
    return { code: 'UNAVAILABLE', retryable: true, hint: 'Check the name of the account and the network path to it.' };
  }
  if (status === 401) return { code: 'UNAUTHENTICATED', hint: credentials };
  if (status === 403) return { code: 'ACCESS_DENIED', hint: roles };
  if (status === 408 || status === 429 || (status ?? 0) >= 500) return { code: 'UNAVAILABLE', retryable: true };
  if (code === 'PARSE_ERROR' || status === undefined || status < 400) return { code: 'RESPONSE_MALFORMED' };
  return { code: code === undefined ? 'RESPONSE_MALFORMED' : 'UNAVAILABLE' };
}
