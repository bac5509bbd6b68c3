import { isTamperError, TamperError } from '../../errors.ts';
import { withKeyEvent } from '../../keys/events.ts';
import type { Secret } from '../../keys/secret.ts';
import type { VaultApi } from './api.ts';
import { replyOf } from './reply-error.ts';

/**
 * Unwraps a response-wrapped secret id, once. Before, it asks where the wrapping token was made: one that was made
 * elsewhere, or was opened already, means that somebody stands between Vault and us.
 *
 * @param mount - where AppRole is mounted
 * @throws {TamperError} `UNAUTHENTICATED`: made elsewhere, expired, or opened by somebody else; never repeated
 */
export function unwrapSecretId(api: VaultApi, mount: string, wrapping: Secret, signal: AbortSignal): Promise<Secret> {
  return withKeyEvent({ operation: 'unwrap', source: 'vault', keyId: `approle at "${mount}"` }, async (facts) => {
    try {
      const lookedUp = await api.call({
        what: 'look up the wrapped secret id',
        method: 'POST',
        path: 'sys/wrapping/lookup',
        body: { token: wrapping },
        signal,
      });
      assertMadeBy(mount, lookedUp.data['creation_path']);
      facts.attempts += 1;
      const { secret, requestId } = await api.call({
        what: 'unwrap the secret id',
        method: 'POST',
        path: 'sys/wrapping/unwrap',
        token: wrapping,
        secretMember: 'secret_id',
        signal,
      });
      if (requestId !== undefined) facts.requestId = requestId;
      if (secret === undefined) throw intercepted('what it wraps is not a secret id');
      return secret;
    } catch (error) {
      const status = replyOf(error)?.status;
      if (isTamperError(error) && (status === 400 || status === 403)) {
        throw intercepted('it was already unwrapped, or has expired', error);
      }
      throw error;
    }
  });
}

function assertMadeBy(mount: string, creationPath: unknown): void {
  const prefix = `auth/${mount}/role/`;
  const path = typeof creationPath === 'string' ? creationPath : '';
  if (path.startsWith(prefix) && /^[^/]+\/secret-id$/.test(path.slice(prefix.length))) return;
  throw intercepted('it was not created by the AppRole that it is for');
}

function intercepted(fault: string, cause?: unknown): TamperError {
  return new TamperError('UNAUTHENTICATED', `Vault: the wrapped secret id cannot be trusted: ${fault}`, {
    cause,
    hint: 'Someone else may have it: revoke it, find out who, and deliver a new one.',
  });
}
