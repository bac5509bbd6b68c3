import { TamperError } from '../../errors.ts';
import { ActiveCalls } from '../../keys/active-calls.ts';
import { callService } from '../../keys/call.ts';
import type { KeyEventFacts, KeyOperation } from '../../keys/events.ts';
import type { CallOptions } from '../../keys/provider.ts';
import { KeyWarnings } from '../../keys/warnings.ts';
import { VaultApi } from './api.ts';
import { appRoleLogin } from './approle-login.ts';
import { type CertSources, certLogin, jwtLogin, serviceAccountTokenFile } from './credential-logins.ts';
import type { PermissionQuestions } from './doctor.ts';
import { NodeHttpClient } from './http-client.ts';
import type { LoginMethod } from './login.ts';
import type { VaultProviderOptions, VaultSettings } from './options.ts';
import { VaultSession } from './session.ts';
import { checkTls, loadTls, type VaultTlsSources } from './tls.ts';
import { TokenLogin } from './token-login.ts';
import { signChunk, Transit, type TransitCall } from './transit.ts';

/** What one use of a key is given besides the key. */
export interface UseOptions extends CallOptions {
  /** How many items a batch has: they are sent one chunk after another, and the deadline grows with them. */
  readonly items?: number;
}

/**
 * Everything between the provider and Vault: client, login and engine. Every use of a key goes the same way: one event, a
 * deadline, bounded attempts, a token, and an end when the provider closes.
 */
export class VaultConnection {
  readonly transit: Transit;
  readonly warnings: KeyWarnings = new KeyWarnings('vault');
  readonly #settings: VaultSettings;
  readonly #api: VaultApi;
  readonly #session: VaultSession;
  readonly #active = new ActiveCalls('the Vault provider');

  /** Calls nobody. @throws {TamperError} `CONFIG_INVALID` */
  constructor(options: VaultProviderOptions, settings: VaultSettings) {
    const { endpoint, namespace, authNamespace, clock, timeoutMs, environment } = settings;
    this.#settings = settings;
    const sources = tlsSources(options, settings);
    checkTls(sources);
    const client = options.client ?? new NodeHttpClient(endpoint, () => loadTls(sources));
    this.#api = new VaultApi(client, endpoint, namespace, clock);
    this.transit = new Transit(this.#api);
    const logins = new VaultApi(client, endpoint, authNamespace, clock);
    const method = loginMethod(options, settings, this.warnings, {
      certFile: options.client === undefined ? sources.clientCertFile : undefined,
      reload: () => client instanceof NodeHttpClient && client.reload(),
    });
    this.#session = new VaultSession(logins, method, clock, timeoutMs, this.warnings);
    if (environment.skipVerify && endpoint.protocol === 'https:') {
      this.warnings.say(
        endpoint.host,
        'VAULT_SKIP_VERIFY is set: anyone in between can pose as Vault and take the token',
        'Name the CA with vault_ca_file or VAULT_CACERT.',
      );
    }
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link VaultConnection.close}, also where that ended the call */
  async use<T>(
    operation: KeyOperation,
    key: { readonly path: string },
    options: UseOptions,
    run: (call: TransitCall, facts: KeyEventFacts) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs, attemptTimeoutMs, policy, clock } = this.#settings;
    const { items } = options;
    const requests = Math.max(1, Math.ceil((items ?? 1) / signChunk));
    const service = {
      operation,
      source: 'vault',
      keyId: key.path,
      timeoutMs: timeoutMs * requests,
      attemptTimeoutMs: attemptTimeoutMs * requests,
      policy,
      clock,
      ...(items === undefined ? {} : { items }),
    } as const;
    const session = this.#session;
    return this.#active.run(options.signal, (outer) =>
      callService({ ...service, signal: outer }, (signal, facts) =>
        session.use(signal, (token) => {
          this.assertOpen();
          if (session.principal !== undefined) facts.principal = session.principal;
          const seen = (requestId: string | undefined): void => {
            if (requestId !== undefined) facts.requestId = requestId;
          };
          return run({ token, signal, seen }, facts);
        }),
      ),
    );
  }

  /** Is logged in, or logs in. @throws {TamperError} what a login throws */
  async logIn(): ReturnType<PermissionQuestions['logIn']> {
    this.assertOpen();
    const login = await this.#session.logIn();
    return { principal: this.#session.principal, ...login };
  }

  /** @throws {TamperError} `PROVIDER_CLOSED` after {@link VaultConnection.close} */
  assertOpen(): void {
    this.#active.assertOpen();
  }

  /** Ends what is under way, erases the token, closes connections. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#active.closed) return;
    this.#active.close();
    this.#session.close();
    await this.#api.close();
  }
}

function tlsSources(options: VaultProviderOptions, { environment }: VaultSettings): VaultTlsSources {
  return {
    ...environment,
    caFile: options.caFile ?? environment.caFile,
    clientCertFile: options.clientCertFile ?? environment.clientCertFile,
    clientKeyFile: options.clientKeyFile ?? environment.clientKeyFile,
    serverName: options.tlsServerName ?? environment.serverName,
  };
}

function loginMethod(
  options: VaultProviderOptions,
  settings: VaultSettings,
  warnings: KeyWarnings,
  tls: Pick<CertSources, 'certFile' | 'reload'>,
): LoginMethod {
  const { env, viaAgent, environment } = settings;
  const method = options.authMethod ?? 'token';
  const mount = mountOf(options.authMount ?? method);
  switch (method) {
    case 'token':
      return new TokenLogin({
        token: options.token,
        tokenFile: options.tokenFile,
        tokenPath: environment.tokenPath,
        env,
        viaAgent,
        warnings,
      });
    case 'approle':
      return appRoleLogin({
        roleId: role(options, 'the role id'),
        mount,
        secretIdFile: options.secretIdFile,
        wrapped: options.secretIdWrapped ?? false,
        env,
      });
    case 'kubernetes':
    case 'jwt':
      return jwtLogin({
        method,
        role: role(options, "the role's name"),
        mount,
        jwtPath: options.jwtPath ?? serviceAccountTokenFile,
      });
    case 'cert':
      if (options.client === undefined && tls.certFile === undefined) {
        throw new TamperError('CONFIG_INVALID', 'Vault: auth method cert needs a client certificate', {
          hint: 'Set vault_client_cert_file and vault_client_key_file, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY.',
        });
      }
      return certLogin({ role: options.role, mount, ...tls });
    default:
      throw new TamperError('CONFIG_INVALID', `Vault: there is no auth method "${String(method)}"`, {
        hint: 'Use token, approle, kubernetes, jwt or cert.',
      });
  }
}

function role(options: VaultProviderOptions, what: string): string {
  if (options.role !== undefined && options.role !== '') return options.role;
  throw new TamperError('CONFIG_INVALID', `Vault: auth method ${options.authMethod} needs ${what}`, {
    hint: 'Set vault_role.',
  });
}

function mountOf(text: string): string {
  const mount = text.replace(/^(auth\/)?\/*|\/+$/g, '');
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/.test(mount)) return mount;
  throw new TamperError(
    'CONFIG_INVALID',
    'Vault: vault_auth_mount is not a mount path, such as approle or teams/a/approle',
  );
}
