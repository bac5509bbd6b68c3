import { TamperError } from '../../errors.ts';

/** A key as it is configured or as the service names it. */
export interface GcpKeyName {
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K` */
  readonly key: string;
  /** The number of the version, where one is named. */
  readonly version: string | undefined;
  readonly project: string;
}

const pattern =
  /^(projects\/([^/\s]+(?::[^/\s]+)?)\/locations\/[^/\s]+\/keyRings\/[^/\s]+\/cryptoKeys\/[^/\s:]+)(?:\/cryptoKeyVersions\/([1-9][0-9]{0,15}))?$/;

/**
 * Reads the resource name of a CryptoKey or of one of its versions.
 *
 * @throws {TamperError} `CONFIG_INVALID`
 */
export function parseKeyName(keyId: string): GcpKeyName {
  const match = pattern.exec(keyId);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new TamperError('CONFIG_INVALID', `Google Cloud KMS: "${keyId}" is not the resource name of a key`, {
      hint: 'Write projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, with or without /cryptoKeyVersions/N.',
    });
  }
  return { key: match[1], project: match[2], version: match[3] };
}

/** The number of a version of `key`; undefined for every other name. */
export function versionNumber(key: string, name: string | null | undefined): bigint | undefined {
  const prefix = `${key}/cryptoKeyVersions/`;
  if (!name?.startsWith(prefix)) return undefined;
  const digits = name.slice(prefix.length);
  return /^[1-9][0-9]{0,15}$/.test(digits) ? BigInt(digits) : undefined;
}
