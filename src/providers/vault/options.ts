import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../../keys/retry.ts';
import type { Secret } from '../../keys/secret.ts';
import { assertWholeNumbers } from '../internal/option-checks.ts';
import { readEnvironment, type Variables, type VaultEnvironment } from './environment.ts';
import type { VaultHttpClient } from './http-client.ts';

/** How a {@link VaultProvider} logs in. */
export type VaultAuthMethod = 'token' | 'approle' | 'kubernetes' | 'jwt' | 'cert';

/** What a {@link VaultProvider} is given. Each option wins over the variables of the environment that say the same. */
export interface VaultProviderOptions {
  /** Address, as `https://vault.example.com:8200`; `http://` on loopback only. Default `VAULT_AGENT_ADDR`, `VAULT_ADDR`. */
  readonly addr?: string;
  /** The key `MOUNT/keys/NAME` whose mount is meant by a key id that is a name alone. */
  readonly path?: string;
  /** How to log in. Default `token`. */
  readonly authMethod?: VaultAuthMethod;
  /** A token. As a literal string it draws a warning: prefer every other way. */
  readonly token?: string | Secret;
  /** A file that holds the token, read again when it changes: the sink of an agent, which also renews it. */
  readonly tokenFile?: string;
  /** AppRole's role id, or the role's name of the other methods; `cert` takes any role that fits if it is left out. */
  readonly role?: string;
  /** A file that holds AppRole's secret id, read at each login. Default: the variable `VAULT_SECRET_ID`. */
  readonly secretIdFile?: string;
  /** Whether the secret id is given as a wrapping token, which is checked and then unwrapped once. Default false. */
  readonly secretIdWrapped?: boolean;
  /** The file that holds the token for `kubernetes` and `jwt`, read at each login. Default: where Kubernetes mounts it. */
  readonly jwtPath?: string;
  /** Where the auth method is mounted. Default: its own name. */
  readonly authMount?: string;
  /** The namespace of the login, if it is not that of the keys; `root` is the one above all. Default: `namespace`. */
  readonly authNamespace?: string;
  /** Default `VAULT_NAMESPACE`. */
  readonly namespace?: string;
  /** PEM file with the CA of the server's certificate. Default `VAULT_CACERT`, `VAULT_CACERT_BYTES`, `VAULT_CAPATH`, Node's own list. */
  readonly caFile?: string;
  /** PEM file with the client certificate of mutual TLS. Default `VAULT_CLIENT_CERT`. */
  readonly clientCertFile?: string;
  /** PEM file with its key. Default `VAULT_CLIENT_KEY`. */
  readonly clientKeyFile?: string;
  /** The name that the server's certificate must have. Default `VAULT_TLS_SERVER_NAME`, then the host of `addr`. */
  readonly tlsServerName?: string;
  /** How old knowledge of a key and its version may be, in seconds. Default 300. */
  readonly keyCacheTtlSeconds?: number;
  /** How long one call may take with login and all attempts, in milliseconds. Default `VAULT_CLIENT_TIMEOUT`, 15,000. */
  readonly timeoutMs?: number;
  /** How long one attempt may take, in milliseconds. Default 5,000. */
  readonly attemptTimeoutMs?: number;
  /** How often a call is tried in all. Default `VAULT_MAX_RETRIES` + 1, 3. */
  readonly maxAttempts?: number;
  /** How requests reach Vault. Default: `node:https` with connections kept alive; then TLS options have no effect. */
  readonly client?: VaultHttpClient;
  /** Default `process.env`; looked at anew for credentials. */
  readonly env?: Variables;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Options and environment put together and checked. */
export interface VaultSettings {
  readonly endpoint: URL;
  /** Whether the address is a local agent's, which may add the token itself. */
  readonly viaAgent: boolean;
  readonly namespace: string | undefined;
  /** Of the login. */
  readonly authNamespace: string | undefined;
  readonly environment: VaultEnvironment;
  readonly env: Variables;
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
}

/**
 * Puts options and environment together.
 *
 * @throws {TamperError} `CONFIG_INVALID`; `INSECURE_ENDPOINT`: plain http to another host
 */
export function resolveSettings(options: VaultProviderOptions): VaultSettings {
  const env = options.env ?? process.env;
  const environment = readEnvironment(env);
  const agent = options.addr === undefined ? environment.agentAddress : undefined;
  const timeoutMs = options.timeoutMs ?? environment.timeoutMs ?? 15_000;
  const attemptTimeoutMs = options.attemptTimeoutMs ?? 5_000;
  const maxAttempts = options.maxAttempts ?? (environment.maxRetries ?? 2) + 1;
  const limits = { timeoutMs, attemptTimeoutMs, maxAttempts };
  assertWholeNumbers('Vault', limits, ['timeoutMs', 'attemptTimeoutMs', 'maxAttempts']);
  const namespace = header(options.namespace ?? environment.namespace);
  return {
    endpoint: parseEndpoint(options.addr ?? agent ?? environment.address),
    viaAgent: agent !== undefined,
    namespace,
    authNamespace: header(options.authNamespace) ?? namespace,
    environment,
    env,
    timeoutMs,
    attemptTimeoutMs: Math.min(timeoutMs, attemptTimeoutMs),
    policy: { ...defaultRetryPolicy, attempts: maxAttempts },
    clock: options.clock ?? systemClock,
  };
}

function parseEndpoint(text: string | undefined): URL {
  if (text === undefined) {
    throw new TamperError('CONFIG_INVALID', 'Vault: no address is set', {
      hint: 'Set vault_addr or VAULT_ADDR, for example https://vault.example.com:8200.',
    });
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const clean = url !== undefined && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!clean || !/^https?:$/.test(url.protocol)) {
    throw new TamperError('CONFIG_INVALID', 'Vault: the address is not of the form https://HOST:PORT');
  }
  if (isInsecureUrl(text)) {
    throw new TamperError('INSECURE_ENDPOINT', `Vault: the connection to ${url.host} would not be encrypted`, {
      hint: 'Use https. Plain http is allowed on loopback only.',
    });
  }
  return url;
}

function header(text: string | undefined): string | undefined {
  if (text === undefined || /^[\x21-\x7e]+$/.test(text)) return text;
  throw new TamperError('CONFIG_INVALID', 'Vault: the namespace is not printable ASCII');
}
