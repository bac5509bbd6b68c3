import { TamperError } from '../../errors.ts';
import { aborted } from '../../keys/deadline.ts';
import { loadSdk } from '../internal/load-sdk.ts';
import { isMicrosoftAuthority } from './authority.ts';
import type { AzureTokenCredential } from './client.ts';
import { mapCredentialError } from './credential-error.ts';
import type { AzureKeyVaultOptions } from './options.ts';

/** A credential and what to call it. */
export interface ChosenCredential {
  readonly kind: string;
  readonly credential: AzureTokenCredential;
}

type Identity = typeof import('@azure/identity');

/**
 * Chooses the credential that the options and the environment name, and loads `@azure/identity` for it.
 *
 * @throws {TamperError} `DEPENDENCY_MISSING`; `UNAUTHENTICATED`: a tenant and a client, and nothing that proves them
 */
export async function chooseCredential(options: AzureKeyVaultOptions): Promise<ChosenCredential> {
  if (options.credential !== undefined) return { kind: 'credential', credential: options.credential };
  const identity = await loadSdk(
    { service: 'Azure Key Vault', packageName: '@azure/identity' },
    () => import('@azure/identity'),
  );
  try {
    return create(identity, options);
  } catch (error) {
    throw mapCredentialError(error, 'credentials');
  }
}

function create(identity: Identity, options: AzureKeyVaultOptions): ChosenCredential {
  const { tenantId, clientId } = options;
  const env = options.environment ?? process.env;
  const authorityHost = options.authorityHost ?? env['AZURE_AUTHORITY_HOST'];
  const common = {
    ...(authorityHost !== undefined && { authorityHost }),
    ...(!isMicrosoftAuthority(authorityHost) && { disableInstanceDiscovery: true }),
    ...(options.caCertificates !== undefined && { tlsOptions: { ca: options.caCertificates } }),
    retryOptions: { maxRetries: 0 }, // ours are the only retries
  };
  if (clientId === undefined) {
    const credential = new identity.DefaultAzureCredential({ ...common, ...(tenantId !== undefined && { tenantId }) });
    return { kind: 'default credential', credential };
  }
  if (tenantId === undefined) {
    return { kind: 'managed identity', credential: new identity.ManagedIdentityCredential({ ...common, clientId }) };
  }
  const secret = options.clientSecret?.use((bytes) => bytes.toString('utf8')) ?? env['AZURE_CLIENT_SECRET'];
  if (secret !== undefined && secret !== '') {
    const credential = new identity.ClientSecretCredential(tenantId, clientId, secret, common);
    return { kind: 'service principal', credential };
  }
  const tokenFilePath = options.federatedTokenFile ?? env['AZURE_FEDERATED_TOKEN_FILE'];
  if (tokenFilePath !== undefined && tokenFilePath !== '') {
    const credential = new identity.WorkloadIdentityCredential({ ...common, tenantId, clientId, tokenFilePath });
    return { kind: 'workload identity', credential };
  }
  const certificatePath = env['AZURE_CLIENT_CERTIFICATE_PATH'];
  if (certificatePath !== undefined && certificatePath !== '') {
    const credential = new identity.ClientCertificateCredential(tenantId, clientId, { certificatePath }, common);
    return { kind: 'service principal', credential };
  }
  throw new TamperError(
    'UNAUTHENTICATED',
    `Azure client ${clientId} of tenant ${tenantId} has nothing to prove itself with`,
    {
      hint: 'Set AZURE_CLIENT_SECRET, AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_CERTIFICATE_PATH; leave the tenant out for a managed identity.',
    },
  );
}

/**
 * Bounds a credential, and tells its failures from the vault's. A token service that hangs cannot be stopped by
 * `abortSignal` or `timeout` in the SDK, so its answer is raced against the call's own signal; the next call asks again.
 *
 * @param tenantKnown - the tenant is configured, so the one that a vault's challenge names is not asked instead
 */
export function boundedCredential({ kind, credential }: ChosenCredential, tenantKnown: boolean): AzureTokenCredential {
  return {
    async getToken(scopes, given = {}) {
      const { tenantId, ...rest } = given;
      const options = tenantKnown || tenantId === undefined ? rest : { ...rest, tenantId };
      const signal = given.abortSignal;
      if (signal?.aborted) throw aborted(`Azure ${kind}`, signal);
      const answer = (async () => credential.getToken(scopes, options))();
      answer.catch(() => undefined); // a failure after the race has ended is nobody's
      let onAbort = (): void => undefined;
      const ended = new Promise<never>((_, reject) => {
        onAbort = () => reject(aborted(`Azure ${kind}`, signal));
        signal?.addEventListener('abort', onAbort, { once: true });
      });
      try {
        return await Promise.race([answer, ended]);
      } catch (error) {
        throw mapCredentialError(error, kind);
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
