import { createPublicKey } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import { isMlDsa, type MlDsaAlgorithm, mlDsaSpki } from '../../keys/ml-dsa.ts';
import type { SignatureAlgorithm, SigningKey } from '../../keys/provider.ts';
import { toCanonicalSpki } from '../../keys/public-key.ts';
import { membersOf, textOf } from '../internal/vendor-text.ts';
import { versionIdentity } from './key-path.ts';

/** What Vault says of a key: the newest version, and every version whose public key can still be had. */
export interface VaultKeyState {
  /** `MOUNT/keys/NAME` */
  readonly path: string;
  /** Vault's own word: `ed25519`, `aes256-gcm96`, … */
  readonly type: string;
  readonly latestVersion: number;
  readonly minDecryptionVersion: number;
  /** Older versions sign and encrypt nothing any more; 0 for no such limit. */
  readonly minEncryptionVersion: number;
  /** Whether the key can be exported or backed up in clear: it can then be anywhere. */
  readonly exportable: boolean;
  /** Whether keys are derived from a context that we do not give. */
  readonly derived: boolean;
  /** How often Vault rotates it by itself, in seconds; 0 for never. */
  readonly autoRotateSeconds: number;
  /** When the newest version was made, in milliseconds since 1970, where Vault says so. */
  readonly latestCreatedAt: number | undefined;
  /** Public keys by version, as Vault spells them. */
  readonly publicKeys: ReadonlyMap<number, string>;
}

const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['ed25519', 'ed25519'],
  ['ecdsa-p256', 'ecdsa-p256-sha256'],
  ['ecdsa-p384', 'ecdsa-p384-sha384'],
  ['rsa-2048', 'rsa-pss-sha256'],
  ['rsa-3072', 'rsa-pss-sha256'],
  ['rsa-4096', 'rsa-pss-sha256'],
  ['mldsa-44', 'ml-dsa-44'], // OpenBao since 2.6
  ['mldsa-65', 'ml-dsa-65'],
  ['hmac', 'kms-hmac-sha256'],
]);

const dataKeyTypes: ReadonlySet<string> = new Set([
  'aes128-gcm96',
  'aes256-gcm96',
  'chacha20-poly1305',
  'xchacha20-poly1305',
]);

/** Reads the answer of `GET MOUNT/keys/NAME`. */
export function readKeyState(path: string, data: Readonly<Record<string, unknown>>): VaultKeyState {
  const { type, latest_version: latest, keys, soft_deleted: softDeleted } = data;
  if (typeof type !== 'string' || typeof latest !== 'number' || !(latest >= 1)) {
    throw new TamperError('RESPONSE_MALFORMED', `Vault: the answer about key "${path}" has no type or version`);
  }
  if (softDeleted === true) {
    throw new TamperError('KEY_DISABLED', `Vault: key "${path}" is soft-deleted`, {
      hint: "Restore it with the engine's soft-delete-restore.",
    });
  }
  const flag = (name: string): boolean => data[name] === true;
  return {
    path,
    type,
    latestVersion: latest,
    minDecryptionVersion: numberOf(data['min_decryption_version']),
    minEncryptionVersion: numberOf(data['min_encryption_version']),
    exportable: flag('exportable') || flag('allow_plaintext_backup'),
    derived: flag('derived'),
    autoRotateSeconds: numberOf(data['auto_rotate_period']),
    latestCreatedAt: creationOf(membersOf(keys)[String(latest)]),
    publicKeys: publicKeysOf(keys),
  };
}

/**
 * The signing key that one version of a key is.
 *
 * @throws {TamperError} `KEY_WRONG_USAGE`: it does not sign, or is derived; `KEY_VERSION_UNAVAILABLE`: no such version, or
 * one below `min_decryption_version`, whose public key Vault no longer gives
 */
export function signingKeyOf(state: VaultKeyState, version: number): SigningKey {
  const algorithm = algorithmOfType(state);
  const identity = versionIdentity(state.path, version);
  assertVersion(state, version);
  if (algorithm === 'kms-hmac-sha256') return { source: 'vault', identity, algorithm };
  const text = state.publicKeys.get(version);
  if (text === undefined) throw versionUnavailable(state, version);
  return {
    source: 'vault',
    identity,
    algorithm,
    spki: isMlDsa(algorithm)
      ? mlDsaSpkiOf(algorithm, text, identity)
      : toCanonicalSpki(publicKeyInput(text), `Vault key "${identity}"`),
  };
}

/** The algorithm that a key signs by; RSA keys sign by PSS, whose salt has 32 bytes. */
export function algorithmOfType(state: VaultKeyState): SignatureAlgorithm {
  const algorithm = algorithms.get(state.type);
  if (algorithm === undefined || state.derived) {
    const fault = state.derived ? 'is derived' : `is of type ${state.type}, which does not sign`;
    throw new TamperError('KEY_WRONG_USAGE', `Vault: key "${state.path}" ${fault}`, {
      hint: 'Make a key of type ed25519, ecdsa-p256, ecdsa-p384, rsa-2048 to rsa-4096, mldsa-44, mldsa-65 (OpenBao), or hmac.',
    });
  }
  return algorithm;
}

/** @throws {TamperError} `KEY_WRONG_USAGE`: the key cannot encrypt with a context (AEAD), or is derived */
export function assertWraps(state: VaultKeyState): void {
  if (dataKeyTypes.has(state.type) && !state.derived) return;
  const fault = state.derived ? 'is derived' : `is of type ${state.type}, which cannot bind a data key to a stream`;
  throw new TamperError('KEY_WRONG_USAGE', `Vault: key "${state.path}" ${fault}`, {
    hint: 'Data keys need a key of type aes256-gcm96 (or another AEAD), not derived.',
  });
}

/** @throws {TamperError} `KEY_VERSION_UNAVAILABLE`: below `min_encryption_version`, so that Vault signs nothing with it */
export function assertSigns(state: VaultKeyState, version: number): void {
  if (version >= state.minEncryptionVersion) return;
  throw new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `Vault: key "${state.path}" signs with versions from ${state.minEncryptionVersion}, not with ${version}`,
    { hint: "Lower the key's min_encryption_version, or name the key without a version." },
  );
}

/** What tells a version from one of the same number after the key was deleted and made again; undefined where nothing does. */
export function incarnationOf(state: VaultKeyState, version: number): string | undefined {
  const created = version === state.latestVersion ? state.latestCreatedAt : undefined;
  return state.publicKeys.get(version) ?? (created === undefined ? undefined : String(created));
}

/** @throws {TamperError} `KEY_VERSION_UNAVAILABLE` */
function assertVersion(state: VaultKeyState, version: number): void {
  if (version > state.latestVersion || version < state.minDecryptionVersion) throw versionUnavailable(state, version);
}

function versionUnavailable(state: VaultKeyState, version: number): TamperError {
  const range = `${Math.max(1, state.minDecryptionVersion)} to ${state.latestVersion}`;
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `Vault: key "${state.path}" has versions ${range}, not ${version}`,
    {
      hint: "Lower the key's min_decryption_version, or verify with the public key that was captured when it signed.",
    },
  );
}

/** The key as FIPS 204 encodes it, in base64: OpenBao gives no SPKI of it. */
function mlDsaSpkiOf(algorithm: MlDsaAlgorithm, text: string, identity: string): Buffer {
  const spki = mlDsaSpki(algorithm, Buffer.from(text, 'base64'));
  if (spki !== undefined) return spki;
  throw new TamperError('RESPONSE_MALFORMED', `Vault: the public key of "${identity}" is not an ${algorithm} key`);
}

function publicKeyInput(text: string): string | ReturnType<typeof createPublicKey> {
  if (text.startsWith('-----BEGIN')) return text;
  const x = Buffer.from(text, 'base64').toString('base64url'); // ed25519: the 32 raw bytes
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch (cause) {
    throw new TamperError('RESPONSE_MALFORMED', 'Vault: a public key is neither PEM nor 32 bytes', { cause });
  }
}

function publicKeysOf(keys: unknown): Map<number, string> {
  const found = new Map<number, string>();
  for (const [version, entry] of Object.entries(membersOf(keys))) {
    const text = textOf(membersOf(entry)['public_key']);
    if (text !== undefined) found.set(Number(version), text);
  }
  return found;
}

function creationOf(entry: unknown): number | undefined {
  if (typeof entry === 'number') return entry * 1000; // symmetric: a Unix time
  const text = membersOf(entry)['creation_time'];
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
