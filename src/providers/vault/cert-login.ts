import { readBytes } from '../../foundation/read-text.ts';
import { Secret } from '../../keys/secret.ts';
import { cannotRead } from './credential.ts';
import { CredentialLogin, type LoginMethod } from './login.ts';

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
