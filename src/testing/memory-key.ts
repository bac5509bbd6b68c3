import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { isMlDsa } from '../core/ml-dsa.ts';
import { TamperError } from '../errors.ts';
import { mlDsaSpkiOfSeed, signMlDsa } from '../keys/ml-dsa.ts';
import type { SignatureAlgorithm } from '../keys/provider.ts';
import { canonicalSpki } from '../keys/public-key.ts';
import { signLocally } from '../keys/signature.ts';

/** What a key service may say that a version is. Only an enabled one signs and wraps. */
export type MemoryKeyState =
  | 'enabled'
  | 'disabled'
  | 'expired'
  | 'not yet valid'
  | 'pending deletion'
  | 'destroyed'
  | 'unavailable'
  | 'gone';

let serial = 0;

/** One version of a key in memory: it can wrap data keys and sign. */
export class MemoryKeyVersion {
  readonly algorithm: SignatureAlgorithm;
  /** Of a key that was made again under the same name, what tells it from the one before. */
  readonly incarnation: string;
  state: MemoryKeyState = 'enabled';
  readonly #secret = randomBytes(32);
  /** For ML-DSA. */
  readonly #seed = randomBytes(32);
  #pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

  constructor(algorithm: SignatureAlgorithm) {
    this.algorithm = algorithm;
    serial += 1;
    this.incarnation = String(serial);
  }

  /** The canonical public key; undefined for `kms-hmac-sha256`. */
  async spki(): Promise<Buffer | undefined> {
    if (isMlDsa(this.algorithm)) return mlDsaSpkiOfSeed(this.algorithm, this.#seed);
    const pair = this.#signingPair();
    return pair === undefined ? undefined : canonicalSpki(pair.publicKey);
  }

  async sign(data: Uint8Array): Promise<Buffer> {
    if (isMlDsa(this.algorithm)) return signMlDsa(this.algorithm, this.#seed, data);
    const pair = this.#signingPair();
    return pair === undefined ? this.#mac(data) : signLocally(this.algorithm, pair.privateKey, data);
  }

  /** For `kms-hmac-sha256`. */
  verifyMac(data: Uint8Array, mac: Uint8Array): boolean {
    const expected = this.#mac(data);
    return mac.length === expected.length && timingSafeEqual(mac, expected);
  }

  /** IV (12) ‖ AES-256-GCM ciphertext (32) ‖ tag (16). */
  wrap(material: Uint8Array, aad: Uint8Array): Buffer {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#secret, iv).setAAD(aad);
    return Buffer.concat([iv, cipher.update(material), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws {TamperError} `WRONG_KEY_OR_CONTEXT` */
  unwrap(wrapped: Uint8Array, aad: Uint8Array): Buffer {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#secret, wrapped.subarray(0, 12)).setAAD(aad);
      decipher.setAuthTag(wrapped.subarray(wrapped.length - 16));
      return Buffer.concat([decipher.update(wrapped.subarray(12, wrapped.length - 16)), decipher.final()]);
    } catch (cause) {
      throw new TamperError('WRONG_KEY_OR_CONTEXT', 'the wrapped key does not open under this key and context', {
        cause,
      });
    }
  }

  erase(): void {
    this.#secret.fill(0);
    this.#seed.fill(0);
  }

  /** Made at first use: an RSA key takes a tenth of a second. */
  #signingPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined {
    this.#pair ??= generatePair(this.algorithm);
    return this.#pair;
  }

  #mac(data: Uint8Array): Buffer {
    return createHmac('sha256', this.#secret).update('mac\0').update(data).digest();
  }
}

function generatePair(algorithm: SignatureAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } | undefined {
  switch (algorithm) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'ecdsa-p256-sha256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ecdsa-p384-sha384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'rsa-pss-sha256':
    case 'rsa-pkcs1-sha256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'ml-dsa-44':
    case 'ml-dsa-65': // its key is made from a seed
    case 'kms-hmac-sha256':
      return undefined;
  }
}
