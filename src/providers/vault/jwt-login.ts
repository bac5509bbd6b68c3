import { readCredential } from './credential.ts';
import { CredentialLogin, type LoginMethod } from './login.ts';

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
