import { TamperError } from '../../errors.ts';
import { joinIdentity, printable, splitIdentity } from '../../keys/identity.ts';

/** A Transit key, and perhaps one version of it. */
export interface VaultKeyPath {
  /** Where the secrets engine is mounted, without slashes at the ends: `transit`, `teams/a/transit`. */
  readonly mount: string;
  /** The key's name in the engine. */
  readonly name: string;
  /** `MOUNT/keys/NAME`: the identity without its version. */
  readonly path: string;
  /** The version that is meant; undefined for the current one. */
  readonly version: number | undefined;
}

const segment = '[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?'; // neither . nor .. nor an escape
const pattern = new RegExp(`^(${segment}(?:/${segment})*)/keys/(${segment})$`);

/**
 * Reads `MOUNT/keys/NAME` or an identity `MOUNT/keys/NAME:vN`.
 *
 * @param defaultPath - a key whose mount is meant by a name alone
 * @throws {TamperError} `CONFIG_INVALID`: it has another form
 */
export function parseKeyPath(keyId: string, defaultPath?: string): VaultKeyPath {
  const { name: named, version } = splitIdentity('vault', keyId);
  const mount = defaultPath?.slice(0, defaultPath.lastIndexOf('/keys/'));
  const path = named.includes('/') || mount === undefined ? named : `${mount}/keys/${named}`;
  const match = pattern.exec(path);
  if (match?.[1] === undefined || match[2] === undefined || (version !== undefined && !isVersion(version))) {
    throw new TamperError('CONFIG_INVALID', `"${printable(keyId)}" does not name a Vault key`, {
      hint: 'A Vault key is named MOUNT/keys/NAME, such as transit/keys/audit.',
    });
  }
  return { mount: match[1], name: match[2], path, version: version === undefined ? undefined : Number(version) };
}

/** `MOUNT/keys/NAME:vN` (spec 2, `identity`). */
export function versionIdentity(path: string, version: number): string {
  return joinIdentity('vault', path, String(version));
}

function isVersion(text: string): boolean {
  return /^[1-9][0-9]{0,8}$/.test(text);
}
