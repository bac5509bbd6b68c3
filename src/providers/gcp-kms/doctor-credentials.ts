import type { DoctorCheck } from '../doctor-check.ts';
import type { ReadyClient } from './sdk.ts';

/** What google-auth-library calls its clients, and what they are to a reader. */
const kinds: ReadonlyMap<string, string> = new Map([
  ['Compute', 'the service account of this machine or workload'],
  ['JWT', 'the key file of a service account'],
  ['UserRefreshClient', 'a user of gcloud'],
  ['IdentityPoolClient', 'workload identity federation'],
  ['AwsClient', 'workload identity federation from AWS'],
  ['PluggableAuthClient', 'workload identity federation from an executable'],
  ['ExternalAccountAuthorizedUserClient', 'workforce identity federation'],
  ['Impersonated', 'an impersonated service account'],
]);

/** Says which credentials were found, without using them and without printing any. */
export function credentialFacts({ authClient, anonymous }: ReadyClient): Omit<DoctorCheck, 'name'> {
  if (anonymous) return { outcome: 'ok', detail: 'none: a test server on loopback, in plaintext' };
  if (authClient === undefined) {
    return { outcome: 'unknown', detail: 'a client was passed in; its credentials are its own' };
  }
  const name = authClient.constructor.name;
  const kind = kinds.get(name) ?? `a ${name}`;
  const email = emailOf(authClient);
  const detail = email === undefined ? kind : `${kind}, ${email}`;
  if (name !== 'JWT') return { outcome: 'ok', detail };
  return {
    outcome: 'warning',
    detail: `${detail}; it does not expire`,
    hint: 'Prefer Workload Identity, or the service account of the machine.',
  };
}

function emailOf(authClient: object): string | undefined {
  const email: unknown = Reflect.get(authClient, 'email') ?? Reflect.get(authClient, 'targetPrincipal');
  return typeof email === 'string' && /^[^@\s]+@[^@\s]+$/.test(email) ? email : undefined;
}
