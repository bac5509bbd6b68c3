import { isError, isTamperError, systemCode, TamperError, type TamperErrorCode } from '../../errors.ts';
import { isOwnTlsCode } from '../../foundation/connection-failure.ts';

/** What a Redis, or the way to it, says no with, as an error of ours. */

interface Meaning {
  readonly says: RegExp;
  readonly code: TamperErrorCode;
  readonly hint: string;
}

const meanings: readonly Meaning[] = [
  {
    says: /^(WRONGPASS|NOAUTH)|^ERR (AUTH|invalid password)/,
    code: 'UNAUTHENTICATED',
    hint: 'Check REDIS_PASSWORD or --redis-password-file, and the user in the address.',
  },
  {
    says: /^NOPERM/,
    code: 'ACCESS_DENIED',
    hint: 'The user needs the commands of BullMQ on keys that begin with fapilog-tamper: (docs/audit-workers.md).',
  },
  {
    says: /^OOM/,
    code: 'UNAVAILABLE',
    hint: 'Redis has no memory left: give it more, or wait until older runs are removed.',
  },
  {
    says: /^Command timed out/,
    code: 'TIMEOUT',
    hint: 'Redis takes connections and does not answer: look at its log.',
  },
  { says: /^Protocol error/, code: 'RESPONSE_MALFORMED', hint: 'The server there is not Redis: check the port.' },
];

const LONGEST_MESSAGE = 500;

/** Whom errors name, and what they must not repeat. */
export interface RedisParty {
  readonly name: string;
  /** A text of the server's without the password, which it knows. */
  hidden(text: string): string;
}

/**
 * What went wrong with a Redis; an error that is ours already stays. Its cause has the message alone: the client's own errors
 * carry the command with its arguments, which for AUTH is the password.
 */
export function redisError(error: unknown, party: RedisParty): TamperError {
  if (isTamperError(error)) return error;
  const { name } = party;
  const message = party.hidden(isError(error) ? error.message : String(error)).slice(0, LONGEST_MESSAGE);
  const cause = new Error(message);
  if (isOwnTlsCode(systemCode(error))) {
    const hint = 'Name the CA with NODE_EXTRA_CA_CERTS, and check that the certificate is for this host.';
    return new TamperError('TLS_FAILED', `${name} cannot be trusted: ${message}`, { cause, hint });
  }
  const found = meanings.find(({ says }) => says.test(message));
  return new TamperError(found?.code ?? 'UNAVAILABLE', `${name}: ${message}`, {
    cause,
    hint: found?.hint ?? 'Check that Redis runs there and may be reached from this host.',
    retryable: found === undefined,
  });
}
