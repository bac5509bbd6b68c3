import { hash } from 'node:crypto';

/**
 * A SHA-256 digest of public data as a string of 32 latin1 characters, one a byte. Node makes such a string in less than
 * half the time of a Buffer, and comparing two is one operation.
 */
export type Digest = string;

/** SHA-256 of public data. */
export function sha256(data: Uint8Array | string): Digest {
  return hash('sha256', data, 'binary');
}

/** SHA-256 of secret data: the digest is a Buffer that the caller overwrites, never a string. */
export function sha256Secret(data: Uint8Array): Buffer {
  return hash('sha256', data, 'buffer');
}

/** The bytes of a digest. */
export function digestBytes(digest: Digest): Buffer {
  return Buffer.from(digest, 'latin1');
}

const scratch = Buffer.allocUnsafeSlow(32);

/** The bytes of a digest as 43 base64url characters. */
export function digestText(digest: Digest): string {
  scratch.write(digest, 0, 32, 'latin1');
  return scratch.toString('base64url');
}

/** A digest from its bytes. */
export function digestFrom(bytes: Uint8Array): Digest {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
