import { hash } from 'node:crypto';
import { type Digest, sha256, sha256Secret } from './hash.ts';

const BLOCK = 64;
const DIGEST = 32;

/** Where the pads of one call and a message of up to 1 KiB stand; overwritten before the call returns. */
const innerRoom = Buffer.allocUnsafeSlow(BLOCK + 1024);
const outer = Buffer.allocUnsafeSlow(BLOCK + DIGEST);

function pads(key: Uint8Array, inner: Buffer, outer: Buffer): void {
  if (key.length > BLOCK) throw new RangeError('an HMAC key here has at most 64 bytes');
  for (let at = 0; at < BLOCK; at++) {
    const byte = key[at] ?? 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
}

/**
 * HMAC-SHA-256 (RFC 2104) as two SHA-256 calls over pads in memory of our own, so that neither the key nor the result
 * lives in a KeyObject or a string. The caller overwrites the result.
 */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Buffer {
  const length = BLOCK + message.length;
  const inner = length <= innerRoom.length ? innerRoom.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  pads(key, inner, outer);
  inner.set(message, BLOCK);
  const innerDigest = sha256Secret(inner);
  outer.set(innerDigest, BLOCK);
  const mac = sha256Secret(outer);
  inner.fill(0);
  outer.fill(0);
  innerDigest.fill(0);
  return mac;
}

/** HKDF-SHA-256 (RFC 5869) with an output of 32 bytes: one extract, one expand block. The caller overwrites the result. */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Buffer {
  const pseudorandomKey = hmacSha256(salt, secret);
  const output = hmacSha256(pseudorandomKey, Buffer.concat([info, Uint8Array.of(1)]));
  pseudorandomKey.fill(0);
  return output;
}

/** An HMAC-SHA-256 key for many 32-byte messages: the pads are computed once and overwritten by {@link RecordKey.erase}. */
export class RecordKey {
  readonly #inner: Buffer = Buffer.allocUnsafeSlow(BLOCK + DIGEST);
  readonly #outer: Buffer = Buffer.allocUnsafeSlow(BLOCK + DIGEST);

  constructor(key: Uint8Array) {
    this.replace(key);
  }

  /** Takes another key; the pads of the one before are overwritten. */
  replace(key: Uint8Array): void {
    pads(key, this.#inner, this.#outer);
  }

  /** Begins with the key's inner pad, a block of 64 bytes; {@link erase} overwrites it. */
  get innerPad(): Buffer {
    return this.#inner;
  }

  /** Begins with the key's outer pad, likewise. */
  get outerPad(): Buffer {
    return this.#outer;
  }

  /** The MAC of a digest, as 43 base64url characters. */
  mac(message: Digest): string {
    this.#inner.write(message, BLOCK, DIGEST, 'latin1');
    this.#outer.write(sha256(this.#inner), BLOCK, DIGEST, 'latin1');
    return hash('sha256', this.#outer, 'base64url');
  }

  /** Overwrites the pads. */
  erase(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }
}
