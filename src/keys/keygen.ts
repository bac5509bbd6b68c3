import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LocalAlgorithm } from '../config/tamper-config.ts';
import { systemCode, TamperError } from '../errors.ts';
import { syncDirectoryLater } from '../foundation/durable-replace.ts';

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
    await writeNew([{ path, mode: 0o600, bytes: base64Lines(material, 44) }]);
    material.fill(0);
    return { algorithm, path };
  }
  const pair = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
  const publicPath = `${path}.pub`;
  await writeNew([
    { path: publicPath, mode: 0o644, bytes: pem('PUBLIC KEY', pair.publicKey) },
    { path, mode: 0o600, bytes: pem('PRIVATE KEY', pair.privateKey) },
  ]);
  pair.privateKey.fill(0);
  const spki = pair.publicKey;
  return { algorithm, path, publicPath, identity: `sha256:${createHash('sha256').update(spki).digest('hex')}`, spki };
}

interface NewFile {
  readonly path: string;
  readonly mode: number;
  /** Overwritten afterwards. */
  readonly bytes: Buffer;
}

/** Creates all files or none. */
async function writeNew(files: readonly NewFile[]): Promise<void> {
  const made: string[] = [];
  let current = '';
  try {
    for (const { path, mode, bytes } of files) {
      current = path;
      const handle = await open(path, 'wx', mode);
      made.push(path);
      await writeDurably(handle, bytes);
    }
    await syncDirectoryLater(dirname(current));
  } catch (cause) {
    for (const path of made) await unlink(path);
    throw writeFailed(current, cause);
  } finally {
    for (const { bytes } of files) bytes.fill(0);
  }
}

async function writeDurably(handle: FileHandle, bytes: Buffer): Promise<void> {
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function writeFailed(path: string, cause: unknown): TamperError {
  const code = systemCode(cause) || 'unknown';
  return code === 'EEXIST'
    ? new TamperError('WRITE_FAILED', `${path} already exists, and keys are never overwritten`, {
        cause,
        hint: 'Choose another name',
      })
    : new TamperError('WRITE_FAILED', `cannot write the key file ${path}: ${code}`, {
        cause,
        hint: 'Check the directory and who may write there',
      });
}

function pem(label: string, der: Buffer): Buffer {
  const body = base64Lines(der, 64);
  const bytes = Buffer.alloc(body.length + 2 * label.length + 32);
  let length = bytes.write(`-----BEGIN ${label}-----\n`);
  bytes.set(body, length);
  length += body.length;
  body.fill(0);
  length += bytes.write(`-----END ${label}-----\n`, length);
  return bytes.subarray(0, length);
}

/** Standard base64 in lines, made without a string, which nobody could overwrite. */
function base64Lines(bytes: Uint8Array, width: number): Buffer {
  const digits = 4 * Math.ceil(bytes.length / 3);
  const text = Buffer.alloc(digits + Math.ceil(digits / width), 0x0a);
  let at = 0;
  for (let digit = 0; digit < digits; digit++) {
    if (digit > 0 && digit % width === 0) at++;
    const bit = digit * 6;
    const first = bytes[bit >> 3];
    const pair = ((first ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    const value = (pair >> (10 - (bit & 7))) & 63;
    text[at++] = first === undefined ? 0x3d : alphabet.charCodeAt(value);
  }
  return text;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
