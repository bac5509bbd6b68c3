import { TamperError } from '../../errors.ts';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { Secret } from '../../keys/secret.ts';
import type { ApiCall, VaultApi } from './api.ts';
import { cannotRead, LastCredential, readCredential } from './credential.ts';
import { isRefusal } from './error-map.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';

/** A credential that a login sends: where it comes from, and what to say where it is refused. */
export interface Credential {
  /** The auth method: `approle`. */
  readonly method: string;
  readonly mount: string;
  /** Reads it: others replace it. */
  read(): Promise<Secret>;
  /** The body of the login. `given` is what was read, and is erased afterwards. */
  body(given: Secret, api: VaultApi, signal: AbortSignal): Promise<NonNullable<ApiCall['body']>>;
  /** @param worked - whether a login has worked before */
  refusal(worked: boolean): {
    readonly code: 'UNAUTHENTICATED' | 'CREDENTIALS_EXHAUSTED';
    readonly says: string;
    readonly hint: string;
  };
  /** Overwrites what it keeps. */
  erase?(): void;
}

/** Logs in with a credential, which is read anew at each login. */
export class CredentialLogin implements LoginMethod {
  readonly name: string;
  readonly repeatable = true;
  readonly #credential: Credential;
  readonly #last = new LastCredential();
  #worked = false;

  constructor(credential: Credential) {
    this.#credential = credential;
    this.name = `${credential.method} at "${credential.mount}"`;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const what = `log in by ${this.name}`;
    const path = `auth/${this.#credential.mount}/login`;
    const given = await this.#credential.read();
    try {
      throwIfAborted(what, signal); // reading may outlive the deadline, and the provider
      this.#last.note(given);
      const body = await this.#credential.body(given, api, signal);
      const reply = await api.call({ what, method: 'POST', path, body, secretMember: 'client_token', signal });
      this.#worked = true;
      return readAuth(reply, what);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { code, says, hint } = this.#credential.refusal(this.#worked);
      throw new TamperError(code, `Vault: ${this.name}: ${says}`, { cause: error, hint });
    } finally {
      given.erase();
    }
  }

  renewed(): Promise<boolean> {
    return this.#last.isOther(() => this.#credential.read());
  }

  erase(): void {
    this.#last.erase();
    this.#credential.erase?.();
  }
}

/** Where Kubernetes mounts the token of a pod's service account. */
export const serviceAccountTokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** What a login with a JSON Web Token needs. */
export interface JwtSources {
  /** The methods take the same request: `kubernetes` asks a cluster about the token, `jwt` checks its signature. */
  readonly method: 'kubernetes' | 'jwt';
  readonly role: string;
  readonly mount: string;
  readonly jwtPath: string;
}

/** Logs in with the token of a service account or of another issuer, read from its file at each login: it is replaced there. */
export function jwtLogin({ method, role, mount, jwtPath }: JwtSources): LoginMethod {
  const words =
    method === 'jwt'
      ? { file: 'the JSON Web Token', who: 'token', bound: 'bound subject and claims' }
      : {
          file: 'the service account token',
          who: 'service account',
          bound: 'bound service accounts and namespaces',
        };
  return new CredentialLogin({
    method,
    mount,
    read: () => readCredential(jwtPath, words.file),
    body: async (jwt) => ({ role, jwt }),
    refusal: () => ({
      code: 'UNAUTHENTICATED',
      says: `the ${words.who} was refused for role "${role}"`,
      hint: `Check the role, its ${words.bound}, its audience, and that the token has not expired.`,
    }),
  });
}

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
export function certLogin({ role, mount, certFile, reload }: CertSources): LoginMethod {
  return new CredentialLogin({
    method: 'cert',
    mount,
    read: async () => new Secret(certFile === undefined ? '' : await readCertificate(certFile)),
    body: async () => {
      reload();
      return { name: role };
    },
    refusal: () => ({
      code: 'UNAUTHENTICATED',
      says: `the certificate was refused for ${role === undefined ? 'every role' : `role "${role}"`}`,
      hint: "Check the role's certificate and its allowed names, that the client certificate has not expired, and that no proxy ends TLS.",
    }),
  });
}

async function readCertificate(file: string): Promise<Buffer> {
  try {
    return await readBytes(file);
  } catch (cause) {
    throw cannotRead('UNAUTHENTICATED', 'the client certificate', file, cause);
  }
}
