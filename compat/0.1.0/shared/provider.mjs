// A key service in a file, for compat/: it has the test keys of this folder. COMPAT_SERVICE=away: it does not answer.
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';

const RSA_PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const MAC = 'kms-hmac-sha256';
const ALGORITHMS = {
  'ecdsa-p256-sha256': ['sha256', {}],
  'ecdsa-p384-sha384': ['sha384', {}],
  'rsa-pss-sha256': ['sha256', RSA_PSS],
  'rsa-pkcs1-sha256': ['sha256', {}],
};

/** What the package takes for its own error, of whatever copy of it. */
const unavailable = () =>
  Object.assign(new Error('the test service does not answer'), {
    name: 'TamperError',
    code: 'UNAVAILABLE',
    retryable: true,
  });

/** What key_provider_options may be (Standard Schema): anything, as only the scenes use it. */
export const options = { '~standard': { version: 1, vendor: 'compat', validate: (value) => ({ value }) } };

export const createProvider = (_config, options) => new Provider(options);

class Provider {
  source = 'compat';
  versionSeparator = '#';
  #options;

  constructor(options) {
    this.#options = options;
  }

  #answer() {
    if (process.env.COMPAT_SERVICE === 'away') throw unavailable();
  }

  #secret(keyId) {
    return readFileSync(`test-${keyId.split('#')[0]}.pem`);
  }

  #aad({ origin, kid }) {
    return Buffer.from(`${origin}\n${kid}`);
  }

  #wrapping() {
    return Buffer.from(this.#options.test_wrapping_key, 'base64');
  }

  async getKey(keyId, context) {
    this.#answer();
    const material = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#wrapping(), nonce).setAAD(this.#aad(context));
    const wrapped = Buffer.concat([nonce, cipher.update(material), cipher.final(), cipher.getAuthTag()]);
    return this.#dataKey(material, `${keyId.split('#')[0]}#1`, wrapped);
  }

  async recoverKey({ identity, wrapped }, _named, context) {
    this.#answer();
    const opening = createDecipheriv('aes-256-gcm', this.#wrapping(), wrapped.subarray(0, 12));
    opening.setAAD(this.#aad(context)).setAuthTag(wrapped.subarray(-16));
    const material = Buffer.concat([opening.update(wrapped.subarray(12, -16)), opening.final()]);
    return this.#dataKey(material, identity, wrapped);
  }

  #dataKey(bytes, identity, wrapped) {
    const material = Buffer.alloc(32);
    bytes.copy(material);
    return { material, source: this.source, identity, wrapped, erase: () => material.fill(0) };
  }

  #mac(keyId, data) {
    return createHmac('sha256', this.#secret(keyId)).update(data).digest();
  }

  async getSigningKey(keyId) {
    this.#answer();
    const { algorithm } = this.#options;
    const identity = `${keyId.split('#')[0]}#1`;
    if (algorithm === MAC) return { source: this.source, identity, algorithm };
    const spki = createPublicKey(createPrivateKey(this.#secret(keyId))).export({ format: 'der', type: 'spki' });
    return { source: this.source, identity, algorithm, spki };
  }

  async sign(keyId, data) {
    this.#answer();
    const { algorithm } = this.#options;
    const identity = `${keyId.split('#')[0]}#1`;
    if (algorithm === MAC) return { bytes: this.#mac(keyId, data), algorithm, identity };
    const [digest, more] = ALGORITHMS[algorithm];
    return { bytes: sign(digest, data, { key: createPrivateKey(this.#secret(keyId)), ...more }), algorithm, identity };
  }

  async signBatch(keyId, items) {
    return Promise.all(items.map((item) => this.sign(keyId, item)));
  }

  async verify({ algorithm, identity, spki }, data, signature) {
    if (algorithm === MAC) return signature.length === 32 && timingSafeEqual(signature, this.#mac(identity, data));
    const [digest, more] = ALGORITHMS[algorithm];
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return verify(digest, data, { key, ...more }, signature);
  }

  async rotateCheck() {
    return false;
  }

  async close() {}
}
