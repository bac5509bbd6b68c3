import { TamperError } from '../../errors.ts';
import type { SignatureAlgorithm, SigningKey } from '../../keys/provider.ts';
import { algorithmOf, canonicalSpki, readPublicKey } from '../../keys/public-key.ts';
import { malformed } from '../internal/service-error.ts';
import type { AzureJsonWebKey, AzureKey, AzureKeyVersionHandle } from './client.ts';
import { type AzureKeyUrl, answeredVersion, keyUrl, versionUrl } from './key-url.ts';

/** What is known of one version of a key. It never changes but for its state, which only the vault judges. */
export interface KeyVersion {
  readonly url: AzureKeyUrl & { readonly version: string };
  readonly identity: string;
  /** `EC`, `EC-HSM`, `RSA`, `RSA-HSM`, `oct`, `oct-HSM`. */
  readonly keyType: string;
  readonly publicKey: AzureJsonWebKey;
  /** The operations that the key allows; undefined where the service does not say. */
  readonly operations: readonly string[] | undefined;
  readonly enabled: boolean;
  readonly notBefore: Date | undefined;
  readonly expiresOn: Date | undefined;
}

/**
 * Reads the service's description of a key.
 *
 * @param asked - the key, and the version if one was asked for
 * @throws {TamperError} `RESPONSE_MALFORMED`, `RESPONSE_CORRUPTED`
 */
export function readKeyVersion(answer: AzureKey, asked: AzureKeyUrl): KeyVersion {
  const version = answeredVersion(answer.key?.kid ?? answer.id, asked, 'getKey');
  const keyType = answer.key?.kty;
  if (answer.key === undefined || typeof keyType !== 'string') {
    throw malformed(`Azure Key Vault getKey "${keyUrl(asked)}"`, 'no key type', true);
  }
  const { enabled, notBefore, expiresOn } = answer.properties;
  return {
    url: { ...asked, version },
    identity: versionUrl(asked, version),
    keyType,
    publicKey: answer.key,
    operations: answer.keyOperations,
    enabled: enabled !== false,
    notBefore: notBefore ?? undefined,
    expiresOn: expiresOn ?? undefined,
  };
}

/** Whether a version can be used now, as far as its attributes say. The vault has the last word. */
export function isUsable(
  version: { readonly enabled?: boolean; readonly notBefore?: Date | undefined; readonly expiresOn?: Date | undefined },
  now: number,
): boolean {
  const begun = !version.notBefore || version.notBefore.getTime() <= now;
  const ended = version.expiresOn && version.expiresOn.getTime() <= now;
  return version.enabled !== false && begun && !ended;
}

/** @throws {TamperError} `KEY_DISABLED`: disabled, expired or not yet valid, by this host's clock */
export function assertUsable(version: KeyVersion, now: number): void {
  if (isUsable(version, now)) return;
  throw new TamperError('KEY_DISABLED', `Azure key "${version.identity}" ${whyNot(version, now)}`, {
    hint: "Enable the version or change its dates, or create a new one; and check this host's clock.",
  });
}

/** Why a version can not be used now. */
function whyNot(version: KeyVersion, now: number): string {
  if (!version.enabled) return 'is disabled';
  return version.notBefore && version.notBefore.getTime() > now
    ? `is not valid before ${version.notBefore.toISOString()}`
    : `expired at ${version.expiresOn?.toISOString()}`;
}

/** What a `CryptographyClient` is built on. */
export function handleOf(url: AzureKeyUrl & { readonly version: string }): AzureKeyVersionHandle {
  const id = versionUrl(url, url.version);
  const { vaultUrl, name, version } = url;
  return { id, name, key: { kid: id }, properties: { name, vaultUrl, version } };
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64url');

/**
 * The signing key that a version is: algorithm and canonical public key.
 *
 * @throws {TamperError} `KEY_WRONG_USAGE`: it does not sign, or with nothing that the log format has a name for;
 * `KEY_MALFORMED`: its public key cannot be read
 */
export function signingKeyOf(version: KeyVersion, rsa: 'PS256' | 'RS256'): SigningKey & { readonly spki: Uint8Array } {
  const what = `Azure key "${version.identity}"`;
  const { keyType, publicKey, operations } = version;
  const family = keyType.replace(/-HSM$/, '');
  if (family !== 'EC' && family !== 'RSA') {
    throw new TamperError('KEY_WRONG_USAGE', `${what} is of type ${keyType}, which cannot sign`, {
      hint: 'Sign with a key of type EC (P-256, P-384) or RSA.',
    });
  }
  if (operations !== undefined && !operations.includes('sign')) {
    throw new TamperError('KEY_WRONG_USAGE', `${what} allows ${operations.join(', ') || 'nothing'}, not sign`, {
      hint: 'Add sign to its permitted operations (key_ops).',
    });
  }
  const { crv, x, y, n, e } = publicKey;
  const known = family === 'RSA' || crv === 'P-256' || crv === 'P-384';
  if (!known) {
    throw new TamperError('KEY_WRONG_USAGE', `${what} is on the curve ${crv ?? '(none)'}`, {
      hint: 'Sign with a key on P-256 or P-384, or with RSA.',
    });
  }
  const jwk =
    family === 'EC' ? { kty: 'EC', crv: crv ?? '', x: text(x), y: text(y) } : { kty: 'RSA', n: text(n), e: text(e) };
  const key = readPublicKey(jwk, what);
  const algorithm: SignatureAlgorithm = algorithmOf(key, rsa === 'PS256' ? 'pss' : 'pkcs1', what);
  return { source: 'azure-keyvault', identity: version.identity, algorithm, spki: canonicalSpki(key) };
}
