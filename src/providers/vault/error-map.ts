import { TamperError } from '../../errors.ts';
import { parseRetryAfter } from '../../keys/retry.ts';
import { type Meaning, serviceError } from '../internal/service-error.ts';

/** What Vault itself said, kept as the cause of our error: status and texts, without anything we sent. */
export class VaultReplyError extends Error {
  override readonly name = 'VaultReplyError';
  readonly status: number;

  constructor(status: number, texts: readonly string[]) {
    super(
      texts
        .join('; ')
        .replace(/\s+/g, ' ')
        .replace(/[^\x20-\x7e]/g, '?')
        .trim()
        .slice(0, 300),
    );
    this.status = status;
  }
}

/** The most specific first: status and text (kms-facts: status decides, text refines). */
const meanings: readonly (readonly [statuses: RegExp, text: RegExp, meaning: Meaning])[] = [
  [
    /^400$/,
    /high complexity|too large/,
    { code: 'USAGE', hint: 'The request has more items than the server accepts.' },
  ],
  [/^413$/, /./, { code: 'USAGE', hint: 'The request is larger than the server accepts.' }],
  [
    /^(400|500)$/, // a version to sign with that is gone is a 500 in OpenBao
    /version is (too new|too old)|disallowed by policy|key version does not exist|requested version for|minimum encryption key version|no such version/,
    {
      code: 'KEY_VERSION_UNAVAILABLE',
      hint: "Lower the key's min_decryption_version or min_encryption_version, or restore the version; a captured public key still verifies offline.",
    },
  ],
  [/^400$/, /key not found/, { code: 'KEY_NOT_FOUND' }],
  [
    /^(400|500)$/,
    /soft-?\s?deleted/,
    { code: 'KEY_DISABLED', hint: "Restore the key with the engine's soft-delete-restore." },
  ],
  [
    /^400$/,
    /message authentication failed|invalid ciphertext|ciphertext length|decrypt|no prefix/,
    { code: 'WRONG_KEY_OR_CONTEXT' },
  ],
  [/^400$/, /does not support|non-AEAD|missing '?context|derivation/, { code: 'KEY_WRONG_USAGE' }],
  [/^401$/, /./, { code: 'UNAUTHENTICATED' }],
  [
    /^403$/,
    /./,
    { code: 'ACCESS_DENIED', hint: "The token's policies do not allow this; see docs/providers/vault.md." },
  ],
  [
    /^404$/,
    /no handler for route/,
    { code: 'KEY_NOT_FOUND', hint: 'Nothing is mounted there; check the mount and namespace.' },
  ],
  [
    /^404$/,
    /./,
    {
      code: 'KEY_NOT_FOUND',
      hint: 'Check the name, mount and namespace: vault list MOUNT/keys shows the existing keys.',
    },
  ],
  [/^429$/, /./, { code: 'THROTTLED', retryable: true }],
  [/^501$/, /./, { code: 'UNAVAILABLE', hint: 'The server is not initialised.' }],
  [/^503$/, /./, { code: 'UNAVAILABLE', retryable: true, hint: 'The server may be sealed: vault status.' }],
  [/^(412|472|473|5\d\d)$/, /./, { code: 'UNAVAILABLE', retryable: true }],
  [
    /^3\d\d$/,
    /./,
    { code: 'UNAVAILABLE', hint: 'A standby redirected us; give the address at which the cluster is served.' },
  ],
  [/^4\d\d$/, /./, { code: 'UNSUPPORTED_OPERATION' }],
];

/** What a status without a message means. */
const words: ReadonlyMap<number, string> = new Map([
  [403, 'permission denied'],
  [404, 'it does not exist'],
  [503, 'not available'],
]);

/** Turns an answer that is no success into one of our errors. */
export function replyError(
  what: string,
  reply: { readonly status: number; readonly texts: readonly string[]; readonly retryAfter: string | undefined },
  nowMs: number,
): TamperError {
  const cause = new VaultReplyError(reply.status, reply.texts);
  const found = meanings.find(([status, text]) => status.test(String(reply.status)) && text.test(cause.message || ' '));
  const meaning: Meaning = found?.[2] ?? { code: 'RESPONSE_MALFORMED' };
  const says = cause.message || words.get(reply.status) || 'it gives no reason';
  return serviceError(meaning, `Vault: ${what}: ${says} (${reply.status})`, {
    cause,
    retryAfterMs: parseRetryAfter(reply.retryAfter, nowMs),
  });
}

/** What Vault said, where an error came from an answer of Vault's. */
export function replyOf(error: unknown): VaultReplyError | undefined {
  return error instanceof TamperError && error.cause instanceof VaultReplyError ? error.cause : undefined;
}

/** Whether Vault refused a credential that was sent: it says so with either status. */
export function isRefusal(error: unknown): boolean {
  const status = replyOf(error)?.status;
  return status === 400 || status === 403;
}
