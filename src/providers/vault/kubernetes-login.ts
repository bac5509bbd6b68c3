import { isTamperError, TamperError } from '../../errors.ts';
import type { VaultApi } from './api.ts';
import { LastCredential, readCredential } from './credential.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';
import { replyOf } from './reply-error.ts';

/** Where Kubernetes mounts the token of a pod's service account. */
export const serviceAccountTokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** What a Kubernetes login needs. */
export interface KubernetesSources {
  readonly role: string;
  readonly mount: string;
  readonly jwtPath: string;
}

/** Logs in with the token of a pod's service account, read from its file at each login: Kubernetes replaces it. */
export class KubernetesLogin implements LoginMethod {
  readonly name: string;
  readonly repeatable = true;
  readonly #sources: KubernetesSources;
  readonly #last = new LastCredential();

  constructor(sources: KubernetesSources) {
    this.#sources = sources;
    this.name = `kubernetes at "${sources.mount}"`;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const { role, mount, jwtPath } = this.#sources;
    const jwt = await readCredential(jwtPath, 'the service account token');
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
        `Vault: ${this.name}: the service account was refused for role "${role}"`,
        {
          cause: error,
          hint: 'Check the role, its bound service accounts and namespaces, its audience, and that the token has not expired.',
        },
      );
    } finally {
      jwt.erase();
    }
  }

  renewed(): Promise<boolean> {
    return this.#last.isOther(() => readCredential(this.#sources.jwtPath, 'the service account token'));
  }

  erase(): void {
    this.#last.erase();
  }
}
