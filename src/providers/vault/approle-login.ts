import { isTamperError, TamperError } from '../../errors.ts';
import { withKeyEvent } from '../../keys/events.ts';
import type { Secret } from '../../keys/secret.ts';
import type { VaultApi } from './api.ts';
import { credentialOf, LastCredential, readCredential } from './credential.ts';
import { type Variables, variable } from './environment.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';
import { replyOf } from './reply-error.ts';

/** What an AppRole login needs. */
export interface AppRoleSources {
  readonly roleId: string;
  readonly mount: string;
  readonly secretIdFile: string | undefined;
  readonly wrapped: boolean;
  readonly env: Variables;
}

/** Logs in with a role id and a secret id. */
export class AppRoleLogin implements LoginMethod {
  readonly name: string;
  readonly repeatable = true;
  readonly #sources: AppRoleSources;
  /** The wrapping token that was used up, and what came out of it. */
  #unwrapped: { readonly wrapping: Secret; readonly secretId: Secret } | undefined;
  #worked = false;
  readonly #last = new LastCredential();

  constructor(sources: AppRoleSources) {
    this.#sources = sources;
    this.name = `approle at "${sources.mount}"`;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const { mount, roleId } = this.#sources;
    const secretId = await this.#secretId(api, signal);
    try {
      const reply = await api.call({
        what: `log in by ${this.name}`,
        method: 'POST',
        path: `auth/${mount}/login`,
        body: { role_id: roleId, secret_id: secretId },
        secretMember: 'client_token',
        signal,
      });
      this.#worked = true;
      return readAuth(reply, `log in by ${this.name}`);
    } catch (error) {
      throw this.#refused(error);
    } finally {
      if (secretId !== this.#unwrapped?.secretId) secretId.erase();
    }
  }

  renewed(): Promise<boolean> {
    return this.#last.isOther(() => this.#given());
  }

  erase(): void {
    this.#last.erase();
    this.#forget();
  }

  #forget(): void {
    this.#unwrapped?.wrapping.erase();
    this.#unwrapped?.secretId.erase();
    this.#unwrapped = undefined;
  }

  async #secretId(api: VaultApi, signal: AbortSignal): Promise<Secret> {
    const { wrapped, mount } = this.#sources;
    const given = await this.#given();
    this.#last.note(given);
    if (!wrapped) return given;
    const known = this.#unwrapped;
    if (known?.wrapping.equals(given) === true) {
      given.erase();
      return known.secretId;
    }
    const secretId = await unwrapSecretId(api, mount, given, signal);
    this.#forget();
    this.#unwrapped = { wrapping: given, secretId };
    return secretId;
  }

  async #given(): Promise<Secret> {
    const { secretIdFile, env } = this.#sources;
    if (secretIdFile !== undefined) return readCredential(secretIdFile, 'the Vault secret id file');
    const text = variable(env, 'SECRET_ID');
    if (text !== undefined) return credentialOf(text, 'the variable VAULT_SECRET_ID');
    throw new TamperError('UNAUTHENTICATED', 'Vault: there is no secret id for AppRole', {
      hint: 'Set vault_secret_id_file or VAULT_SECRET_ID.',
    });
  }

  #refused(error: unknown): unknown {
    const status = replyOf(error)?.status;
    if (!isTamperError(error) || (status !== 400 && status !== 403)) return error;
    if (this.#worked) {
      return new TamperError(
        'CREDENTIALS_EXHAUSTED',
        `Vault: ${this.name}: the secret id worked before and does not any more`,
        {
          cause: error,
          hint: 'It is used up or has expired; deliver a new secret id.',
        },
      );
    }
    return new TamperError('UNAUTHENTICATED', `Vault: ${this.name}: the role id or the secret id was refused`, {
      cause: error,
      hint: 'Check vault_role (the role id, not its name) and the secret id. Five refusals within 15 minutes lock the role for everyone.',
    });
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
