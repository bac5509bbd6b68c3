import { sha256 } from '@noble/hashes/sha2.js';
import { Buffer } from './buffer.ts';

/** `node:crypto`, as far as the verifier uses it: digests and public keys. Signatures are Web Crypto's (signature.ts). */

export { createPublicKey, type PublicKey as KeyObject } from './public-key.ts';

type Output = 'binary' | 'base64url' | 'hex' | 'buffer';

function only256(algorithm: string): void {
  if (algorithm !== 'sha256') throw new TypeError(`no digest ${algorithm}`);
}

function output(digest: Uint8Array, format: Output): string | Buffer {
  const bytes = Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength);
  return format === 'buffer' ? bytes : bytes.toString(format === 'binary' ? 'latin1' : format);
}

const encoder = new TextEncoder();

/** As `hash` of Node.js. */
export function hash(algorithm: string, data: Uint8Array | string, format: Output): string | Buffer {
  only256(algorithm);
  return output(sha256(typeof data === 'string' ? encoder.encode(data) : data), format);
}

export interface Hash {
  update(data: Uint8Array | string): Hash;
  copy(): Hash;
  digest(format: Output): string | Buffer;
}

/** As `createHash` of Node.js. */
export function createHash(algorithm: string): Hash {
  only256(algorithm);
  return hashOf(sha256.create());
}

function hashOf(state: ReturnType<typeof sha256.create>): Hash {
  const hashing: Hash = {
    update: (data) => {
      state.update(typeof data === 'string' ? encoder.encode(data) : data);
      return hashing;
    },
    copy: () => hashOf(state.clone()),
    digest: (format) => output(state.digest(), format),
  };
  return hashing;
}

/** As `randomBytes` of Node.js. */
export function randomBytes(length: number): Buffer {
  return globalThis.crypto.getRandomValues(Buffer.alloc(length));
}
