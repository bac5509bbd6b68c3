import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { joinIdentity } from '../../keys/identity.ts';
import { corrupted, malformed } from '../internal/service-error.ts';

/** A key of a vault, or one version of it. */
export interface AzureKeyUrl {
  /** `https://HOST[:PORT]`, without a slash at the end. */
  readonly vaultUrl: string;
  readonly name: string;
  readonly version: string | undefined;
}

const keyName = /^[0-9A-Za-z-]{1,127}$/; // REST reference, GetKey, key-name
const versionText = /^[A-Za-z0-9._-]{1,128}$/; // what an identity can hold; the service's are 32 hex digits
const urlHint = 'An Azure key is named by its URL: https://VAULT.vault.azure.net/keys/NAME or …/NAME/VERSION';

/**
 * Reads the name of a key: its full URL, or its name alone where the vault's URL is configured.
 *
 * @param keyId - `https://VAULT/keys/NAME[/VERSION]`, or `NAME[/VERSION]`
 * @param vaultUrl - the configured vault, for names that are not URLs
 * @throws {TamperError} `CONFIG_INVALID`: not the name of a key; `INSECURE_ENDPOINT`: plain http to another host
 */
export function parseKeyUrl(keyId: string, vaultUrl?: string): AzureKeyUrl {
  if (typeof keyId !== 'string') throw invalid(typeof keyId, 'is not a string');
  if (!/^[a-z][a-z0-9+.-]*:/i.test(keyId)) return parseBareName(keyId, vaultUrl);
  const url = secureUrl(keyId, 'key id');
  const [collection, name, version, ...rest] = url.pathname.slice(1).split('/');
  if (collection !== 'keys' || rest.length > 0) throw invalid(keyId, 'has no path /keys/NAME or /keys/NAME/VERSION');
  return checked(keyId, { vaultUrl: url.origin, name: name ?? '', version: version === '' ? undefined : version });
}

function parseBareName(keyId: string, vaultUrl: string | undefined): AzureKeyUrl {
  if (vaultUrl === undefined) throw invalid(keyId, 'is not a URL, and no vault URL is configured');
  const [name = '', version, ...rest] = keyId.split('/');
  if (rest.length > 0) throw invalid(keyId, 'is not the name of a key');
  return checked(keyId, { vaultUrl: parseVaultUrl(vaultUrl), name, version });
}

/**
 * Reads the URL of a vault or managed HSM.
 *
 * @returns its origin
 * @throws {TamperError} `CONFIG_INVALID`, `INSECURE_ENDPOINT`
 */
export function parseVaultUrl(vaultUrl: string): string {
  const url = secureUrl(vaultUrl, 'vault URL');
  if (url.pathname !== '/') throw invalid(vaultUrl, 'names more than a vault');
  return url.origin;
}

function secureUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw invalid(text, 'is not an https URL');
  if (url.username !== '' || url.password !== '') throw invalid(url.origin, 'contains a user name or password');
  if (url.search !== '' || url.hash !== '') throw invalid(text, 'contains a query or fragment');
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new TamperError(
      'INSECURE_ENDPOINT',
      `Azure ${what} "${text}" would send tokens unencrypted to another host`,
      {
        hint: 'Use https. Plain http is for servers on loopback only.',
      },
    );
  }
  return url;
}

function checked(keyId: string, key: AzureKeyUrl): AzureKeyUrl {
  if (!keyName.test(key.name)) throw invalid(keyId, 'names no key: letters, digits and hyphens, at most 127');
  if (key.version !== undefined && !versionText.test(key.version)) throw invalid(keyId, 'names no version of a key');
  return key;
}

function invalid(text: string, fault: string): TamperError {
  return new TamperError('CONFIG_INVALID', `Azure key "${text}" ${fault}`, { hint: urlHint });
}

/** The key itself, without a version. */
export function keyUrl(key: AzureKeyUrl): string {
  return `${key.vaultUrl}/keys/${key.name}`;
}

/** The identity of one version (spec 2): `https://VAULT/keys/NAME/VERSION`, in the spelling that we asked with. */
export function versionUrl(key: AzureKeyUrl, version: string): string {
  return joinIdentity('azure-keyvault', keyUrl(key), version);
}

/**
 * The version that an answer is from. Host and name are compared and then forgotten: requests go where the configuration
 * says, never where an answer points. On loopback any loopback host will do, so that a proxy can stand between.
 *
 * @param kid - the `kid` of the answer
 * @throws {TamperError} `RESPONSE_MALFORMED`: no id of a key version; `RESPONSE_CORRUPTED`: another key's or version's
 */
export function answeredVersion(kid: string | undefined, asked: AzureKeyUrl, operation: string): string {
  const what = `Azure Key Vault ${operation} "${versionlessOr(asked)}"`;
  const url = kid !== undefined && URL.canParse(kid) ? new URL(kid) : undefined;
  const [collection, name, version = '', ...rest] = url?.pathname.slice(1).split('/') ?? [];
  if (
    url === undefined ||
    collection !== 'keys' ||
    name === undefined ||
    rest.length > 0 ||
    !versionText.test(version)
  ) {
    throw malformed(what, 'the answer names no version of a key', true);
  }
  const asks = new URL(asked.vaultUrl);
  const sameHost = url.host === asks.host || (isLoopback(asks.hostname) && isLoopback(url.hostname));
  const sameName = name.toLowerCase() === asked.name.toLowerCase(); // names are not sensitive to case
  if (!sameHost || !sameName || (asked.version !== undefined && asked.version !== version)) {
    throw corrupted(what, `the answer is from ${url.origin}${url.pathname}`);
  }
  return version;
}

/**
 * Checks that an operation was answered by the version that was asked. An id without a version is taken: what counts is
 * that the signature or the decrypted key is this version's, which is checked besides.
 *
 * @throws as {@link answeredVersion}
 */
export function assertAnsweredBy(
  kid: string | undefined,
  asked: AzureKeyUrl & { version: string },
  operation: string,
): void {
  if (kid === undefined) return;
  const bare = `${kid.replace(/\/$/, '')}/${asked.version}`;
  const isKey = URL.canParse(kid) && new URL(kid).pathname.split('/').filter((part) => part !== '').length === 2;
  answeredVersion(isKey ? bare : kid, asked, operation);
}

function versionlessOr(key: AzureKeyUrl): string {
  return key.version === undefined ? keyUrl(key) : versionUrl(key, key.version);
}
