import { isTamperError, TamperError } from '../../errors.ts';
import type { Secret } from '../../keys/secret.ts';
import type { VaultApi } from './api.ts';
import { LastCredential, readCredential } from './credential.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';
import { replyOf } from './reply-error.ts';

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
export class JwtLogin implements LoginMethod {
  readonly name: string;
  readonly repeatable = true;
  readonly #sources: JwtSources;
  readonly #last = new LastCredential();

  constructor(sources: JwtSources) {
    this.#sources = sources;
    this.name = `${sources.method} at "${sources.mount}"`;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const { role, mount, method } = this.#sources;
    const jwt = await this.#read();
    this.#last.note(jwt);
    try {
      const reply = await api.call({
        what: `log in by ${this.name}`,
        method: 'POST',
        path: `auth/${mount}/login`,
        body: { role, jwt },
        secretMember: 'client_token',
        signal,
      });
      return readAuth(reply, `log in by ${this.name}`);
    } catch (error) {
      const status = replyOf(error)?.status;
      if (!isTamperError(error) || (status !== 400 && status !== 403)) throw error;
      throw new TamperError(
        'UNAUTHENTICATED',
        `Vault: ${this.name}: the ${method === 'jwt' ? 'token' : 'service account'} was refused for role "${role}"`,
        {
          cause: error,
          hint: `Check the role, its ${method === 'jwt' ? 'bound subject and claims' : 'bound service accounts and namespaces'}, its audience, and that the token has not expired.`,
        },
      );
    } finally {
      jwt.erase();
    }
  }

  renewed(): Promise<boolean> {
    return this.#last.isOther(() => this.#read());
  }

  #read(): Promise<Secret> {
    const { jwtPath, method } = this.#sources;
    return readCredential(jwtPath, method === 'jwt' ? 'the JSON Web Token' : 'the service account token');
  }

  erase(): void {
    this.#last.erase();
  }
}
