import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { LocalAlgorithm } from '../config/tamper-config.ts';
import { TamperError } from '../errors.ts';
import { base64Text } from './base64-text.ts';
import { writeNewFiles } from './new-key-files.ts';

const ALGORITHMS: readonly LocalAlgorithm[] = ['HMAC-SHA256', 'Ed25519'];

/** A key that was made, without the key. */
export interface GeneratedKey {
  readonly algorithm: LocalAlgorithm;
  /** The file with the key, mode 0600: base64 of 32 bytes, or PKCS#8 PEM. */
  readonly path: string;
  /** For Ed25519: the file with the public key, SPKI PEM. */
  readonly publicPath?: string;
  /** For Ed25519: `sha256:` and SHA-256 of the SPKI in hex. */
  readonly identity?: string;
  /** For Ed25519: the public key as DER SubjectPublicKeyInfo. */
  readonly spki?: Buffer;
}

/**
 * Makes a local key and writes it to a new file that only its owner may read; the public half of an Ed25519 key goes to
 * `path` + `.pub`. Both are durable when this returns.
 *
 * @throws WRITE_FAILED, also if a file already exists: keys are never overwritten; USAGE for another algorithm
 */
export async function generateKeyFile(path: string, algorithm: LocalAlgorithm): Promise<GeneratedKey> {
  if (!ALGORITHMS.includes(algorithm)) {
    throw new TamperError('USAGE', 'generateKeyFile(path, algorithm) needs an algorithm that local keys have', {
      hint: `Pass one of: ${ALGORITHMS.join(', ')}`,
    });
  }
  if (algorithm === 'HMAC-SHA256') {
    const material = randomBytes(32);
    await writeNewFiles([{ path, mode: 0o600, bytes: base64Text(material, 44) }]);
    material.fill(0);
    return { algorithm, path };
  }
  const pair = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
  const publicPath = `${path}.pub`;
  await writeNewFiles([
    { path: publicPath, mode: 0o644, bytes: pem('PUBLIC KEY', pair.publicKey) },
    { path, mode: 0o600, bytes: pem('PRIVATE KEY', pair.privateKey) },
  ]);
  pair.privateKey.fill(0);
  const spki = pair.publicKey;
  return { algorithm, path, publicPath, identity: `sha256:${createHash('sha256').update(spki).digest('hex')}`, spki };
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
