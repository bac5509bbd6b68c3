import { homedir } from 'node:os';
import { join } from 'node:path';
import { TamperError } from '../../errors.ts';
import type { VaultTlsSources } from './tls.ts';

/** What the environment says about Vault, under the names of Vault and of OpenBao. */
export interface VaultEnvironment extends VaultTlsSources {
  readonly address: string | undefined;
  /** The address of a local agent or proxy, which may add the token itself. */
  readonly agentAddress: string | undefined;
  readonly namespace: string | undefined;
  readonly tokenPath: string | undefined;
  readonly maxRetries: number | undefined;
  readonly timeoutMs: number | undefined;
}

/** The environment's variables. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads `VAULT_*` and `BAO_*`; the latter win, as in OpenBao's own client. Credentials are not read here, but at each login.
 *
 * @throws {TamperError} `CONFIG_INVALID`: a number, duration or yes/no cannot be read
 */
export function readEnvironment(env: Variables): VaultEnvironment {
  const get = (name: string): string | undefined => variable(env, name);
  return {
    address: get('ADDR'),
    agentAddress: get('AGENT_ADDR'),
    namespace: get('NAMESPACE'),
    tokenPath: get('TOKEN_PATH'),
    caFile: get('CACERT'),
    caPem: get('CACERT_BYTES'),
    caDirectory: get('CAPATH'),
    clientCertFile: get('CLIENT_CERT'),
    clientKeyFile: get('CLIENT_KEY'),
    serverName: get('TLS_SERVER_NAME'),
    skipVerify: parseBool(get('SKIP_VERIFY'), 'VAULT_SKIP_VERIFY'),
    maxRetries: parseCount(get('MAX_RETRIES'), 'VAULT_MAX_RETRIES'),
    timeoutMs: parseDuration(get('CLIENT_TIMEOUT'), 'VAULT_CLIENT_TIMEOUT'),
  };
}

/** `BAO_<name>`, or else `VAULT_<name>`; an empty one counts as absent. */
export function variable(env: Variables, name: string): string | undefined {
  return env[`BAO_${name}`] || env[`VAULT_${name}`] || undefined;
}

/** Where the `vault` and `bao` commands keep the token of a person who has logged in. */
export function defaultTokenFile(env: Variables): string {
  return join(env['HOME'] || homedir(), '.vault-token');
}

/** As Go's `ParseBool`: "false" means no, and anything unknown is an error, not a yes. */
function parseBool(text: string | undefined, name: string): boolean {
  if (text === undefined || /^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  throw new TamperError('CONFIG_INVALID', `${name} is neither true nor false`);
}

function parseCount(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new TamperError('CONFIG_INVALID', `${name} is not a whole number from 0 to 99`);
}

const unitMs: Readonly<Record<string, number>> = { '': 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** As Vault's: whole seconds, or a Go duration such as `90s` or `1m30s`. */
function parseDuration(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|$)/g)];
  const ms = parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * (unitMs[unit ?? ''] ?? Number.NaN), 0);
  if (parts.map(([part]) => part).join('') === text && ms > 0) return Math.ceil(ms);
  throw new TamperError('CONFIG_INVALID', `${name} is not a duration such as 60s`);
}
