import { TamperError } from '../../errors.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import type { GcpEnum } from './client.ts';

/** What a version does, by its algorithm. The algorithm is fixed by the version; a request cannot choose one. */
export interface GcpAlgorithm {
  readonly name: string;
  readonly algorithm: SignatureAlgorithm;
  /** Which digest is sent; undefined: the data itself (Ed25519 is pure, a MAC hashes by itself). */
  readonly digest?: 'sha256' | 'sha384';
}

const rsa = (padding: 'PSS' | 'PKCS1', number: number, bits: number): [number, GcpAlgorithm] => [
  number,
  {
    name: `RSA_SIGN_${padding}_${bits}_SHA256`,
    algorithm: padding === 'PSS' ? 'rsa-pss-sha256' : 'rsa-pkcs1-sha256',
    digest: 'sha256',
  },
];

/** CryptoKeyVersionAlgorithm, by its number in google/cloud/kms/v1/resources.proto, as far as it can seal a log. */
const supported: ReadonlyMap<number, GcpAlgorithm> = new Map<number, GcpAlgorithm>([
  rsa('PSS', 2, 2048),
  rsa('PSS', 3, 3072),
  rsa('PSS', 4, 4096),
  rsa('PKCS1', 5, 2048),
  rsa('PKCS1', 6, 3072),
  rsa('PKCS1', 7, 4096),
  [12, { name: 'EC_SIGN_P256_SHA256', algorithm: 'ecdsa-p256-sha256', digest: 'sha256' }],
  [13, { name: 'EC_SIGN_P384_SHA384', algorithm: 'ecdsa-p384-sha384', digest: 'sha384' }],
  [32, { name: 'HMAC_SHA256', algorithm: 'kms-hmac-sha256' }],
  [40, { name: 'EC_SIGN_ED25519', algorithm: 'ed25519' }],
]);

const byName: ReadonlyMap<string, GcpAlgorithm> = new Map([...supported.values()].map((one) => [one.name, one]));

const encryption: readonly GcpEnum[] = ['GOOGLE_SYMMETRIC_ENCRYPTION', 1, 'EXTERNAL_SYMMETRIC_ENCRYPTION', 18];

/** CryptoKeyVersionState by number. */
const states: readonly (string | undefined)[] = [
  undefined,
  'ENABLED',
  'DISABLED',
  'DESTROYED',
  'DESTROY_SCHEDULED',
  'PENDING_GENERATION',
  'PENDING_IMPORT',
  'IMPORT_FAILED',
  'GENERATION_FAILED',
  'PENDING_EXTERNAL_DESTRUCTION',
  'EXTERNAL_DESTRUCTION_FAILED',
];

/** The name of a version's state, whichever way the transport gives it. */
export function stateName(state: GcpEnum): string {
  if (typeof state === 'string') return state;
  return states[state ?? 0] ?? 'UNKNOWN';
}

/**
 * The algorithm of a signing version.
 *
 * @throws {TamperError} `KEY_WRONG_USAGE`: the key encrypts; `UNSUPPORTED_OPERATION`: it signs, but with nothing that the
 * log format has a name for
 */
export function signingAlgorithm(identity: string, algorithm: GcpEnum): GcpAlgorithm {
  const found = typeof algorithm === 'number' ? supported.get(algorithm) : byName.get(algorithm ?? '');
  if (found !== undefined) return found;
  if (encryption.includes(algorithm)) {
    throw new TamperError('KEY_WRONG_USAGE', `Google Cloud KMS key "${identity}" is for encryption, not for signing`, {
      hint: 'Name a key with purpose asymmetric-signing or mac as the signing key.',
    });
  }
  throw new TamperError(
    'UNSUPPORTED_OPERATION',
    `Google Cloud KMS key "${identity}" has algorithm ${algorithm ?? 'unspecified'}, which cannot seal a log`,
    {
      hint: 'Use ec-sign-p256-sha256, ec-sign-p384-sha384, ec-sign-ed25519, rsa-sign-pss-*-sha256, rsa-sign-pkcs1-*-sha256 or hmac-sha256.',
    },
  );
}
