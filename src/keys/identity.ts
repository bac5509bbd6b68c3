import { ownSources } from '../config/tamper-config.ts';
import { TamperError } from '../errors.ts';

/** Where a key lives, as it is written into the log. */
export type KeySource = (typeof ownSources)[number] | (string & {});

/** Whether a source is one of this package: no other provider may call itself so. */
export function isOwnSource(source: string): boolean {
  return ownSources.some((own) => own === source);
}

/** How a key source writes its identities into the log. Every provider is one. */
export interface KeyNaming {
  readonly source: KeySource;
  /**
   * What stands between the name of a key and its version in an identity, such as `#` in `audit#3`. It has a character besides
   * `A-Za-z0-9._-`, which are those of a version. Absent: identities have no versions.
   */
  readonly versionSeparator?: string | undefined;
}

/** The separators of this package's sources (spec 2, `identity`). */
const separators: ReadonlyMap<string, string> = new Map([
  ['aws-kms', '#'], // arn:aws:kms:…:key/… # key material id
  ['gcp-kms', '/cryptoKeyVersions/'], // projects/…/cryptoKeys/… /cryptoKeyVersions/ N
  ['azure-keyvault', '/'], // https://VAULT/keys/NAME / VERSION
  ['vault', ':v'], // MOUNT/keys/NAME :v N
]);

const VERSION = /^[A-Za-z0-9._-]+$/;

/** @throws {TamperError} `CONFIG_INVALID`: with this separator, one key's name could be the prefix of another's */
function separatorOf(naming: KeySource | KeyNaming): string | undefined {
  const { source, versionSeparator }: KeyNaming = typeof naming === 'string' ? { source: naming } : naming;
  const separator = separators.get(source) ?? versionSeparator;
  if (separator === undefined || (!VERSION.test(separator) && separator !== '')) return separator;
  throw new TamperError(
    'CONFIG_INVALID',
    `the version separator "${separator}" of ${source} could be part of a version`,
    {
      hint: 'Give the provider a versionSeparator with a character besides A-Za-z0-9._-, such as "#".',
    },
  );
}

/**
 * Whether `named`, a key that the verifier's own side names, is the key that an identity from the log belongs to: the
 * same identity, or the same key at some version. A version never holds a separator of its own, so one key's name can
 * not be the prefix of another's (spec 8.1).
 */
export function namesIdentity(named: string, naming: KeySource | KeyNaming, identity: string): boolean {
  if (named === identity) return true;
  const separator = separatorOf(naming);
  if (separator === undefined || named === '' || !identity.startsWith(named + separator)) return false;
  return VERSION.test(identity.slice(named.length + separator.length));
}

/**
 * The key service that the name of a data key belongs to by its vendor's spelling (spec 2, `identity`); undefined for any
 * other name, such as that of a local key.
 */
export function serviceOfName(name: string): 'aws-kms' | 'gcp-kms' | 'azure-keyvault' | 'vault' | undefined {
  if (/^arn:aws[a-z-]*:kms:/.test(name)) return 'aws-kms';
  if (/^projects\/[^/]+\/locations\//.test(name)) return 'gcp-kms';
  if (/^https?:\/\/[^/]+\/keys\//.test(name)) return 'azure-keyvault';
  return /^[^/:]+(\/[^/:]+)*\/keys\/[^/]+$/.test(name) ? 'vault' : undefined;
}

/**
 * Splits an identity into the key's name and its version; the version is undefined where there is none.
 *
 * @throws {TamperError} `USAGE`: not a string
 */
export function splitIdentity(
  naming: KeySource | KeyNaming,
  identity: string,
): { name: string; version: string | undefined } {
  if (typeof identity !== 'string') throw new TamperError('USAGE', 'a key is named by a string');
  const separator = separatorOf(naming);
  const at = separator === undefined ? -1 : identity.lastIndexOf(separator);
  if (separator === undefined || at <= 0) return { name: identity, version: undefined };
  return { name: identity.slice(0, at), version: identity.slice(at + separator.length) };
}

/** Puts a key's name and version together as an identity. */
export function joinIdentity(naming: KeySource | KeyNaming, name: string, version: string): string {
  const separator = separatorOf(naming);
  return separator === undefined ? name : name + separator + version;
}

/**
 * Takes from a reference in the log the one thing that may be taken, the version; the name comes from the verifier's own
 * side (spec 8.1).
 *
 * @throws {TamperError} `KEY_NOT_NAMED`: the reference is of another source, or `named` is not the key it belongs to
 */
export function resolveNamed(
  naming: KeySource | KeyNaming,
  named: string,
  reference: { readonly source: KeySource; readonly identity: string },
): { name: string; version: string | undefined } {
  const source = typeof naming === 'string' ? naming : naming.source;
  if (reference.source !== source || !namesIdentity(named, naming, reference.identity)) {
    throw new TamperError(
      'KEY_NOT_NAMED',
      `the log names ${reference.source} key "${printable(reference.identity)}", which is not ${source} key "${named}"`,
      { hint: 'If the key is one of yours, name it in the policy or with --keys.' },
    );
  }
  const { name, version } = splitIdentity(naming, reference.identity);
  return { name: named === reference.identity ? name : named, version };
}

/** Nothing from a log is printed raw (spec 8.12). */
export function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
