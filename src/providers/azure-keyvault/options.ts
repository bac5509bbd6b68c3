import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { RetryPolicy } from '../../keys/retry.ts';
import type { Secret } from '../../keys/secret.ts';
import type { AzureTokenCredential } from '../internal/azure/credential.ts';
import type { AzureKeyVaultClients } from './client.ts';
import { parseVaultUrl } from './key-url.ts';

/**
 * What an {@link AzureKeyVaultProvider} is made from. Everything may be left out: a key is named by its URL, and
 * credentials come from where the process runs.
 *
 * Which credential is used: `credential`; else tenant, client and secret: service principal; tenant, client and federated
 * token file: workload identity; tenant, client and `AZURE_CLIENT_CERTIFICATE_PATH`: service principal with certificate;
 * client alone: user-assigned managed identity; nothing: the SDK's `DefaultAzureCredential`.
 */
export interface AzureKeyVaultOptions {
  /** The vault of keys that are named by their name alone: `https://VAULT.vault.azure.net`. */
  readonly vaultUrl?: string;
  /** The tenant (directory) id. */
  readonly tenantId?: string;
  /** The client (application) id of a service principal, or of a user-assigned managed identity. */
  readonly clientId?: string;
  /** The secret of a service principal. Default: the variable `AZURE_CLIENT_SECRET`. */
  readonly clientSecret?: Secret;
  /** The file that holds the federated token of a workload identity. Default: the variable `AZURE_FEDERATED_TOKEN_FILE`. */
  readonly federatedTokenFile?: string;
  /** The token service: `https://HOST`. Default: the variable `AZURE_AUTHORITY_HOST`, then the public cloud. */
  readonly authorityHost?: string;
  /** A credential of your own; every one of `@azure/identity` will do. It stays its owner's. */
  readonly credential?: AzureTokenCredential;
  /** Clients of your own. They stay their owner's; neither SDK package is loaded. */
  readonly client?: AzureKeyVaultClients;
  /** PEM certificates that vault and token service are checked against, instead of Node's own list. */
  readonly caCertificates?: string;
  /** Which padding RSA keys sign with. Default `PS256`. */
  readonly rsaAlgorithm?: 'PS256' | 'RS256';
  /** How old our knowledge of a key's current version may be, in seconds. Default 300. */
  readonly keyCacheTtlSeconds?: number;
  /** The deadline of one use of a key, tokens and retries included, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** The deadline of one attempt, in milliseconds. Default 5,000. */
  readonly attemptTimeoutMs?: number;
  /** How often and how patiently calls are repeated; the SDK's own retries are off. Default: three attempts. */
  readonly retry?: RetryPolicy;
  /** The environment that variables are read from. Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** 0 ≤ x < 1; for jitter. */
  readonly random?: () => number;
}

/** The deadline of one attempt, in milliseconds, where none is given. */
export const defaultAttemptTimeoutMs = 5_000;

const longestMs = 2 ** 31 - 1;

/**
 * Checks options that no configuration schema has checked.
 *
 * @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT`
 */
export function assertAzureOptions(options: AzureKeyVaultOptions): void {
  if (options.vaultUrl !== undefined) parseVaultUrl(options.vaultUrl);
  for (const name of ['timeoutMs', 'attemptTimeoutMs'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value > 0 && value <= longestMs)) {
      throw new TamperError('CONFIG_INVALID', `Azure option ${name} must be whole milliseconds from 1 to ${longestMs}`);
    }
  }
  if (options.clientSecret !== undefined && (options.tenantId === undefined || options.clientId === undefined)) {
    throw new TamperError('CONFIG_INVALID', 'Azure option clientSecret needs tenantId and clientId', {
      hint: 'A service principal is a tenant, a client and a secret.',
    });
  }
  const authority = options.authorityHost;
  if (authority !== undefined && !authority.startsWith('https://')) {
    throw new TamperError('INSECURE_ENDPOINT', `Azure token service "${authority}" is not an https URL`);
  }
}
