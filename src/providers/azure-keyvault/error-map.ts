import { TamperError } from '../../errors.ts';
import { isNetworkCode, isTlsCode } from '../../foundation/connection-failure.ts';
import { parseRetryAfter } from '../../keys/retry.ts';
import { type VendorFacts, vendorFacts, withoutRequest } from '../internal/azure/vendor-error.ts';
import { meanings, serviceError, type WordedMeaning } from '../internal/service-error.ts';

/** What was being asked of the vault, for messages and for what a refusal means. */
export interface AzureCall {
  /** The operation as the REST reference names it: `sign`. */
  readonly operation: 'getKey' | 'getKeyVersions' | 'sign' | 'encrypt' | 'decrypt' | 'getKeyRotationPolicy';
  /** The key as the call named it: its URL. */
  readonly keyId: string;
}

const roleHint =
  'Give this identity the data action on this key (a role, or the access policy); new roles take minutes.';
const stateHint =
  'Enable the version or change its dates, or create a new version; sealing uses the newest enabled one.';

const pendingDeletion: WordedMeaning = {
  code: 'KEY_PENDING_DELETION',
  says: 'the key was deleted and can still be recovered',
  hint: 'Recover it with: az keyvault key recover',
};
const connectionLost: WordedMeaning = { ...meanings.unreachable, says: 'the connection was lost' };
const unreadable: WordedMeaning = { code: 'RESPONSE_MALFORMED', says: 'the answer cannot be read', retryable: true };

/** Inner codes of a refusal (403, 409), which say more than its status. */
const innerMeanings: Readonly<Record<string, WordedMeaning>> = {
  KeyDisabled: { code: 'KEY_DISABLED', says: 'the key version is disabled', hint: stateHint },
  KeyExpired: { code: 'KEY_DISABLED', says: 'the key version has expired', hint: stateHint },
  KeyNotYetValid: { code: 'KEY_DISABLED', says: 'the key version is not valid yet', hint: stateHint },
  ForbiddenByRbac: { code: 'ACCESS_DENIED', says: 'no role allows it', hint: roleHint },
  AccessDenied: { code: 'ACCESS_DENIED', says: 'no access policy allows it', hint: roleHint },
  ForbiddenByPolicy: { code: 'ACCESS_DENIED', says: 'a policy forbids it', hint: roleHint },
  ForbiddenByFirewall: {
    code: 'ACCESS_DENIED',
    says: "the vault's firewall does not let this host in",
    hint: 'Add its address or network to the vault, or use the private endpoint.',
  },
  ForbiddenByConnection: {
    code: 'ACCESS_DENIED',
    says: 'the vault accepts no connections from this network',
    hint: 'Use the private endpoint.',
  },
  ObjectIsDeletedButRecoverable: pendingDeletion,
  ObjectIsBeingDeleted: pendingDeletion,
};

/** The same refusals where the inner code is missing, told by their text. */
const textMeanings: readonly (readonly [RegExp, WordedMeaning])[] = [
  [
    /not permitted on this key|is not supported on key/i,
    { code: 'KEY_WRONG_USAGE', says: 'the key does not allow this operation' },
  ],
  [/disabled key/i, { code: 'KEY_DISABLED', says: 'the key version is disabled', hint: stateHint }],
  [
    /expired|not yet valid|not valid before/i,
    { code: 'KEY_DISABLED', says: 'outside the validity dates of the key version', hint: stateHint },
  ],
];

/**
 * Puts what the SDK threw into one of our codes (see `docs/errors.md`). Nothing of the request goes along: only status,
 * codes, request id and, where no key material was sent, the first line of the service's message.
 *
 * @param nowMs - when, for a `Retry-After` that is a date
 * @param answered - the service has answered the request with success, so what went wrong is its answer
 */
export function mapAzureError(error: unknown, call: AzureCall, nowMs: number, answered = false): TamperError {
  if (error instanceof TamperError) return error;
  const facts = vendorFacts(error);
  const meaning = meaningOf(facts, error, call, answered);
  const detail = [facts.status, facts.code, facts.inner, call.operation.endsWith('crypt') ? undefined : facts.message];
  const shown = detail.filter((part) => part !== undefined).join(', ');
  const message = `Azure Key Vault ${call.operation} "${call.keyId}": ${meaning.says} (${shown || facts.name})`;
  return serviceError(meaning, message, {
    cause: withoutRequest(facts),
    requestId: facts.requestId,
    retryAfterMs: parseRetryAfter(facts.retryAfter, nowMs),
  });
}

function meaningOf(facts: VendorFacts, error: unknown, call: AzureCall, answered: boolean): WordedMeaning {
  switch (facts.status) {
    case 400:
      return badRequest(facts, call);
    case 401:
      return {
        code: 'UNAUTHENTICATED',
        says: 'the vault does not accept the access token',
        hint: "Check that the tenant is the vault's, and check this host's clock.",
      };
    case 403:
    case 409:
      return refusal(facts);
    case 404:
      return { code: 'KEY_NOT_FOUND', says: 'there is no such key or version', hint: 'Check the key URL.' };
    case 429:
      return meanings.throttled;
    case undefined:
      return withoutStatus(facts, error, answered);
    default:
      return byStatus(facts.status);
  }
}

function badRequest(facts: VendorFacts, call: AzureCall): WordedMeaning {
  if (call.operation === 'decrypt') return meanings.altered;
  if (call.operation === 'sign' || call.operation === 'encrypt') {
    return { code: 'KEY_WRONG_USAGE', says: 'the key is not for this algorithm' };
  }
  return { code: 'USAGE', says: `the service refused the request (${facts.code ?? 'BadParameter'})` };
}

function refusal(facts: VendorFacts): WordedMeaning {
  const named = facts.inner !== undefined && Object.hasOwn(innerMeanings, facts.inner) && innerMeanings[facts.inner];
  if (named) return named;
  const told = textMeanings.find(([pattern]) => facts.message !== undefined && pattern.test(facts.message));
  if (told !== undefined) return told[1];
  if (facts.status === 409) return { code: 'UNAVAILABLE', says: 'the key is being changed', retryable: true };
  return { ...meanings.denied, hint: roleHint };
}

function byStatus(status: number): WordedMeaning {
  if (status === 408 || (status >= 500 && status !== 501)) return meanings.failed;
  return status >= 200 && status < 300 ? unreadable : meanings.refused;
}

function withoutStatus(facts: VendorFacts, error: unknown, answered: boolean): WordedMeaning {
  if (isTlsCode(facts.code)) return meanings.untrusted;
  if (isNetworkCode(facts.code) || facts.name === 'AbortError' || facts.code === 'REQUEST_ABORTED_ERROR') {
    return { ...meanings.unreachable, says: 'not reachable, or the connection was lost' };
  }
  if (/challenge/i.test(facts.message ?? '')) {
    return {
      code: 'INSECURE_ENDPOINT',
      says: 'the host of the key URL is not one that the vault requests tokens for',
      hint: 'Key URLs must be on hosts of the service, or on loopback.',
    };
  }
  if (facts.code === 'PARSE_ERROR' && /^Error reading response/.test(facts.message ?? '')) return connectionLost;
  // HPE: what Node.js calls an answer that is no HTTP
  if (
    /^(?:PARSE_ERROR|HPE_\w+)$/.test(facts.code ?? '') ||
    error instanceof TypeError ||
    error instanceof SyntaxError
  ) {
    return unreadable;
  }
  if (facts.code === 'REQUEST_SEND_ERROR') return connectionLost;
  return answered ? unreadable : { code: 'INTERNAL', says: 'the Azure SDK failed' };
}
