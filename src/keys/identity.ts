import type { KeySource } from './provider.ts';

/** What stands between the name of a key and its version in an identity, by key service (spec 2, `identity`). */
const versionSeparator: ReadonlyMap<string, string> = new Map([
  ['aws-kms', '#'], // arn:aws:kms:…:key/… # key material id
  ['gcp-kms', '/cryptoKeyVersions/'], // projects/…/cryptoKeys/… /cryptoKeyVersions/ N
  ['azure-keyvault', '/'], // https://VAULT/keys/NAME / VERSION
  ['vault', ':v'], // MOUNT/keys/NAME :v N
]);

/**
 * Whether `named`, a key that the verifier's own side names, is the key that an identity from the log belongs to: the
 * same identity, or the same key at some version. A version never holds a separator of its own, so one key's name can
 * not be the prefix of another's (spec 8.1).
 */
export function namesIdentity(named: string, source: KeySource, identity: string): boolean {
  if (named === identity) return true;
  const separator = versionSeparator.get(source);
  if (separator === undefined || named === '' || !identity.startsWith(named + separator)) return false;
  const version = identity.slice(named.length + separator.length);
  return /^[A-Za-z0-9._-]+$/.test(version);
}

/** Splits an identity into the key's name and its version; the version is undefined where there is none. */
export function splitIdentity(source: KeySource, identity: string): { name: string; version: string | undefined } {
  const separator = versionSeparator.get(source);
  const at = separator === undefined ? -1 : identity.lastIndexOf(separator);
  if (separator === undefined || at <= 0) return { name: identity, version: undefined };
  return { name: identity.slice(0, at), version: identity.slice(at + separator.length) };
}

/** Puts a key's name and version together as an identity. */
export function joinIdentity(source: KeySource, name: string, version: string): string {
  const separator = versionSeparator.get(source);
  return separator === undefined ? name : name + separator + version;
}
