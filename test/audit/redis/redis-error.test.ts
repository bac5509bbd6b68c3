import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { redisError } from '../../../src/audit/redis/redis-error.ts';
import { TamperError } from '../../../src/errors.ts';

const party = (name: string, password = 'canary-password') => ({
  name,
  hidden: (text: string) => text.replaceAll(password, '…'),
});

it.each([
  ['WRONGPASS invalid username-password pair or user is disabled.', 'UNAUTHENTICATED', false],
  ['NOAUTH Authentication required.', 'UNAUTHENTICATED', false],
  ['ERR AUTH <password> called without any password configured for the default user.', 'UNAUTHENTICATED', false],
  ["NOPERM this user has no permissions to run the 'eval' command", 'ACCESS_DENIED', false],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'UNAVAILABLE', false],
  ['Protocol error, got "H" as reply type byte', 'RESPONSE_MALFORMED', false],
  ['Command timed out', 'TIMEOUT', false],
  ['connect ECONNREFUSED 127.0.0.1:1', 'UNAVAILABLE', true],
  ['LOADING Redis is loading the dataset in memory', 'UNAVAILABLE', true],
])('%s', (message, code, retryable) => {
  const error = redisError(new Error(message), party('redis://q:1'));
  expect(error).toMatchObject({ code, retryable, message: `redis://q:1: ${message}` });
  expect(error.hint).toBeDefined();
});

it('a certificate that does not count is TLS_FAILED', () => {
  const error = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(redisError(error, party('rediss://q:1')).code).toBe('TLS_FAILED');
});

it('leaves our own errors, and of others keeps no arguments of commands', () => {
  const ours = new TamperError('POLICY_INVALID', 'x');
  expect(redisError(ours, party('q'))).toBe(ours);
  const theirs = Object.assign(new Error('WRONGPASS no canary-password'), {
    command: { name: 'auth', args: ['canary-password'] },
  });
  expect(inspect(redisError(theirs, party('q')), { depth: 9 })).not.toContain('canary');
});
