import { isTamperError, TamperError } from '../../errors.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { Secret } from '../../keys/secret.ts';
import type { VaultApi } from './api.ts';
import { cannotRead, LastCredential } from './credential.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';
import { replyOf } from './reply-error.ts';

/** What a login by certificate needs. */
export interface CertSources {
  /** The role's name in Vault; undefined for any role that the certificate fits. */
  readonly role: string | undefined;
  readonly mount: string;
  /** Where the client certificate lies; undefined for a client that was given in, which presents its own. */
  readonly certFile: string | undefined;
  /** Lets the next connection present what the files hold now. */
  readonly reload: () => unknown;
}

/** Logs in with the client certificate of the TLS connection, read from its files at each login: others replace it. */
export class CertLogin implements LoginMethod {
  readonly name: string;
  readonly repeatable = true;
  readonly #sources: CertSources;
  readonly #last = new LastCredential();

  constructor(sources: CertSources) {
    this.#sources = sources;
    this.name = `cert at "${sources.mount}"`;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const { role, mount, reload } = this.#sources;
    const what = `log in by ${this.name}`;
    reload();
    this.#last.note(await this.#certificate());
    try {
      const reply = await api.call({
        what,
        method: 'POST',
        path: `auth/${mount}/login`,
        body: { name: role },
        secretMember: 'client_token',
        signal,
      });
      return readAuth(reply, what);
    } catch (error) {
      const status = replyOf(error)?.status;
      if (!isTamperError(error) || (status !== 400 && status !== 403)) throw error;
      const asked = role === undefined ? 'every role' : `role "${role}"`;
      throw new TamperError('UNAUTHENTICATED', `Vault: ${this.name}: the certificate was refused for ${asked}`, {
        cause: error,
        hint: "Check the role's certificate and its allowed names, that the client certificate has not expired, and that no proxy ends TLS.",
      });
    }
  }

  renewed(): Promise<boolean> {
    return this.#last.isOther(() => this.#certificate());
  }

  erase(): void {
    this.#last.erase();
  }

  async #certificate(): Promise<Secret> {
    const { certFile } = this.#sources;
    if (certFile === undefined) return new Secret('');
    return new Secret(
      await readBytes(certFile).catch((cause: unknown) => {
        throw cannotRead('UNAUTHENTICATED', 'the client certificate', certFile, cause);
      }),
    );
  }
}
