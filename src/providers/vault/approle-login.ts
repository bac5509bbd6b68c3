import { TamperError } from '../../errors.ts';
import { withKeyEvent } from '../../keys/events.ts';
import type { Secret } from '../../keys/secret.ts';
import type { VaultApi } from './api.ts';
import { credentialOf, readCredential } from './credential.ts';
import { CredentialLogin } from './credential-logins.ts';
import { type Variables, variable } from './environment.ts';
import { isRefusal } from './error-map.ts';
import type { LoginMethod } from './login.ts';

/** What an AppRole login needs. */
export interface AppRoleSources {
  readonly roleId: string;
  readonly mount: string;
  readonly secretIdFile: string | undefined;
  readonly wrapped: boolean;
  readonly env: Variables;
}

/** Logs in with a role id and a secret id. */
export function appRoleLogin({ roleId, mount, secretIdFile, wrapped, env }: AppRoleSources): LoginMethod {
  const unwrapped = new UnwrappedSecretId(mount);
  return new CredentialLogin({
    method: 'approle',
    mount,
    read: () => readSecretId(secretIdFile, env),
    body: async (given, api, signal) => ({
      role_id: roleId,
      secret_id: wrapped ? await unwrapped.of(given, api, signal) : given,
    }),
    refusal: (worked) =>
      worked
        ? {
            code: 'CREDENTIALS_EXHAUSTED',
            says: 'the secret id worked before and does not any more',
            hint: 'It is used up or has expired; deliver a new secret id.',
          }
        : {
            code: 'UNAUTHENTICATED',
            says: 'the role id or the secret id was refused',
            hint: 'Check vault_role (the role id, not its name) and the secret id. Five refusals within 15 minutes lock the role for everyone.',
          },
    erase: () => unwrapped.erase(),
  });
}

async function readSecretId(file: string | undefined, env: Variables): Promise<Secret> {
  if (file !== undefined) return readCredential(file, 'the Vault secret id file');
  const text = variable(env, 'SECRET_ID');
  if (text !== undefined) return credentialOf(text, 'the variable VAULT_SECRET_ID');
  throw new TamperError('UNAUTHENTICATED', 'Vault: there is no secret id for AppRole', {
    hint: 'Set vault_secret_id_file or VAULT_SECRET_ID.',
  });
}

/** The wrapping token that was used up, and what came out of it: it can be opened once only. */
class UnwrappedSecretId {
  readonly #mount: string;
  #known: { readonly wrapping: Secret; readonly secretId: Secret } | undefined;

  constructor(mount: string) {
    this.#mount = mount;
  }

  /** The secret id in a wrapping token. It stays ours. */
  async of(wrapping: Secret, api: VaultApi, signal: AbortSignal): Promise<Secret> {
    if (this.#known?.wrapping.equals(wrapping) === true) return this.#known.secretId;
    const secretId = await unwrapSecretId(api, this.#mount, wrapping, signal);
    this.erase();
    this.#known = { wrapping: wrapping.copy(), secretId };
    return secretId;
  }

  erase(): void {
    this.#known?.wrapping.erase();
    this.#known?.secretId.erase();
    this.#known = undefined;
  }
}

/**
 * Unwraps a response-wrapped secret id, once. Before, it asks where the wrapping token was made: one that was made
 * elsewhere, or was opened already, means that somebody stands between Vault and us.
 *
 * @param mount - where AppRole is mounted
 * @throws {TamperError} `UNAUTHENTICATED`: made elsewhere, expired, or opened by somebody else; never repeated
 */
function unwrapSecretId(api: VaultApi, mount: string, wrapping: Secret, signal: AbortSignal): Promise<Secret> {
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
      throw isRefusal(error) ? intercepted('it was already unwrapped, or has expired', error) : error;
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
