import { TamperError, type TamperErrorCode } from '../../errors.ts';

/** What a failure of a service means. */
export interface Meaning {
  readonly code: TamperErrorCode;
  readonly hint?: string | undefined;
  /** Whether the same call may succeed later. Default false. */
  readonly retryable?: boolean;
}

/** A meaning in words of ours, for a service whose own words cannot always be repeated. */
export interface WordedMeaning extends Meaning {
  /** What is wrong, for the message: `access denied`. */
  readonly says: string;
}

type CommonMeaning = 'untrusted' | 'unreachable' | 'late' | 'failed' | 'throttled' | 'denied' | 'refused' | 'altered';

/** What any key service may answer, or what may come instead of its answer. */
export const meanings: Readonly<Record<CommonMeaning, WordedMeaning>> = {
  untrusted: {
    code: 'TLS_FAILED',
    says: 'no trusted connection',
    hint: 'Check proxies and NODE_EXTRA_CA_CERTS.',
  },
  unreachable: { code: 'UNAVAILABLE', says: 'not reachable', retryable: true },
  late: { code: 'TIMEOUT', says: 'no answer in time', retryable: true },
  failed: { code: 'UNAVAILABLE', says: 'the service failed', retryable: true },
  throttled: { code: 'THROTTLED', says: 'too many requests', retryable: true },
  denied: { code: 'ACCESS_DENIED', says: 'access denied' },
  refused: { code: 'USAGE', says: 'the service refused the request' },
  altered: {
    code: 'WRONG_KEY_OR_CONTEXT',
    says: 'the wrapped data key was altered, or belongs to another stream, key period or key',
  },
};

/** What is kept of a failure besides its meaning. Nothing of it may hold a request, a reply or a credential. */
export interface KeptFacts {
  readonly cause?: Error | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The error for a failure of a service. */
export function serviceError({ code, hint, retryable }: Meaning, message: string, kept: KeptFacts = {}): TamperError {
  const { cause, requestId, retryAfterMs } = kept;
  return new TamperError(code, message, {
    cause,
    retryable: retryable ?? false,
    ...(hint !== undefined && { hint }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/**
 * The error for an answer that is not to what was asked, or was altered on its way: `RESPONSE_CORRUPTED`, retryable. It is
 * discarded; asked again it may be right.
 *
 * @param what - the call: `AWS KMS Sign "arn:…"`
 */
export function corrupted(what: string, fault: string): TamperError {
  return new TamperError('RESPONSE_CORRUPTED', `${what}: ${fault}; the answer was discarded`, {
    retryable: true,
    hint: 'Something between this host and the key service alters data. If it persists, look for a proxy.',
  });
}

/**
 * The error for an answer that is not one to this call: `RESPONSE_MALFORMED`.
 *
 * @param what - the call: `AWS KMS Sign "arn:…"`
 * @param retryable - whether asking again is worth it, because the service answers so in passing
 */
export function malformed(what: string, fault: string, retryable = false): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${what}: ${fault}`, { retryable });
}
