import { createHash, generateKeyPairSync, randomBytes, randomFillSync } from 'node:crypto';
import type { LocalAlgorithm } from '../config/tamper-config.ts';
import type { MlDsaAlgorithm } from '../core/ml-dsa.ts';
import { mlDsaPkcs8Head, mlDsaSpkiOfSeed } from './ml-dsa.ts';
import { base64Text, writeNewFiles } from './new-key-files.ts';

/** What a local key can be made for. */
export type GeneratedAlgorithm = LocalAlgorithm | 'ML-DSA-44' | 'ML-DSA-65';

/** A key that was made, without the key. */
export interface GeneratedKey {
  readonly algorithm: GeneratedAlgorithm;
  /** The file with the key, mode 0600: base64 of 32 bytes, or PKCS#8 PEM. */
  readonly path: string;
  /** For a signing key: the name of its algorithm in the log. */
  readonly signsWith?: 'ed25519' | MlDsaAlgorithm;
  /** For a signing key: the file with the public key, SPKI PEM. */
  readonly publicPath?: string;
  /** For a signing key: `sha256:` and SHA-256 of the SPKI in hex. */
  readonly identity?: string;
  /** For a signing key: the public key as DER SubjectPublicKeyInfo. */
  readonly spki?: Buffer;
}

/** The name that each signs under (spec 2, `A`). */
const SIGNS_WITH = { Ed25519: 'ed25519', 'ML-DSA-44': 'ml-dsa-44', 'ML-DSA-65': 'ml-dsa-65' } as const;

/** Makes a local key. @throws WRITE_FAILED */
export async function makeKeyFile(path: string, algorithm: GeneratedAlgorithm): Promise<GeneratedKey> {
  if (algorithm === 'HMAC-SHA256') {
    const material = randomBytes(32);
    await writeNewFiles([{ path, mode: 0o600, bytes: base64Text(material, 44) }]);
    material.fill(0);
    return { algorithm, path };
  }
  const signsWith = SIGNS_WITH[algorithm];
  const pair = signsWith === 'ed25519' ? ed25519Pair() : await mlDsaPair(signsWith);
  const publicPath = `${path}.pub`;
  await writeNewFiles([
    { path: publicPath, mode: 0o644, bytes: pem('PUBLIC KEY', pair.publicKey) },
    { path, mode: 0o600, bytes: pem('PRIVATE KEY', pair.privateKey) },
  ]);
  pair.privateKey.fill(0);
  const spki = pair.publicKey;
  const identity = `sha256:${createHash('sha256').update(spki).digest('hex')}`;
  return { algorithm, signsWith, path, publicPath, identity, spki };
}

interface Pair {
  /** PKCS#8, for the caller to overwrite. */
  readonly privateKey: Buffer;
  /** SPKI. */
  readonly publicKey: Buffer;
}

function ed25519Pair(): Pair {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
}

async function mlDsaPair(algorithm: MlDsaAlgorithm): Promise<Pair> {
  const { head, length } = mlDsaPkcs8Head(algorithm, 'seed');
  const privateKey = Buffer.alloc(length); // alloc never takes from the pool
  head.copy(privateKey);
  const seed = randomFillSync(privateKey, head.length).subarray(head.length);
  return { privateKey, publicKey: await mlDsaSpkiOfSeed(algorithm, seed) };
}

function pem(label: string, der: Buffer): Buffer {
  const body = base64Text(der, 64);
  const bytes = Buffer.alloc(body.length + 2 * label.length + 32);
  let length = bytes.write(`-----BEGIN ${label}-----\n`);
  bytes.set(body, length);
  length += body.length;
  body.fill(0);
  length += bytes.write(`-----END ${label}-----\n`, length);
  return bytes.subarray(0, length);
}
