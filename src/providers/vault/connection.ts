import { TamperError } from '../../errors.ts';
import { KeyWarnings } from '../../keys/warnings.ts';
import { VaultApi } from './api.ts';
import { AppRoleLogin } from './approle-login.ts';
import { NodeHttpClient } from './http-client.ts';
import { KubernetesLogin, serviceAccountTokenFile } from './kubernetes-login.ts';
import type { LoginMethod } from './login.ts';
import type { VaultProviderOptions, VaultSettings } from './options.ts';
import { VaultSession } from './session.ts';
import { checkTls, loadTls, type VaultTlsSources } from './tls.ts';
import { TokenLogin } from './token-login.ts';
import { Transit } from './transit.ts';

/** Everything between the provider and Vault. */
export interface VaultConnection {
  readonly session: VaultSession;
  readonly transit: Transit;
  readonly warnings: KeyWarnings;
  close(): Promise<void>;
}

/** Puts client, login and engine together; calls nobody. */
export function connect(options: VaultProviderOptions, settings: VaultSettings): VaultConnection {
  const { endpoint, namespace, clock, timeoutMs, environment } = settings;
  const sources = tlsSources(options, settings);
  checkTls(sources);
  const client = options.client ?? new NodeHttpClient(endpoint, () => loadTls(sources));
  const api = new VaultApi(client, endpoint, namespace, clock);
  const warnings = new KeyWarnings('vault');
  const session = new VaultSession(api, loginMethod(options, settings, warnings), clock, timeoutMs, warnings);
  if (environment.skipVerify && endpoint.protocol === 'https:') {
    warnings.say(
      endpoint.host,
      'VAULT_SKIP_VERIFY is set: anyone in between can pose as Vault and take the token',
      'Name the CA with vault_ca_file or VAULT_CACERT.',
    );
  }
  return {
    session,
    transit: new Transit(api),
    warnings,
    close: async () => {
      session.close();
      await api.close();
    },
  };
}

function tlsSources(options: VaultProviderOptions, { environment }: VaultSettings): VaultTlsSources {
  const { caFile } = options;
  return {
    caFile: caFile ?? environment.caFile,
    caPem: environment.caPem,
    caDirectory: environment.caDirectory,
    clientCertFile: options.clientCertFile ?? environment.clientCertFile,
    clientKeyFile: options.clientKeyFile ?? environment.clientKeyFile,
    serverName: options.tlsServerName ?? environment.serverName,
    skipVerify: environment.skipVerify,
  };
}

function loginMethod(options: VaultProviderOptions, settings: VaultSettings, warnings: KeyWarnings): LoginMethod {
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
      return new AppRoleLogin({
        roleId: role(options, 'the role id'),
        mount,
        secretIdFile: options.secretIdFile,
        wrapped: options.secretIdWrapped ?? false,
        env,
      });
    case 'kubernetes':
      return new KubernetesLogin({
        role: role(options, "the role's name"),
        mount,
        jwtPath: options.jwtPath ?? serviceAccountTokenFile,
      });
    default:
      throw new TamperError('CONFIG_INVALID', `Vault: there is no auth method "${String(method)}"`, {
        hint: 'Use token, approle or kubernetes.',
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
