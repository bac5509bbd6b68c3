// The vault's keys: names, versions, attributes, soft delete. Real keys, made by node:crypto.
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';

const OPERATIONS = {
  EC: ['sign', 'verify'],
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  oct: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
};

/** The key type without its protection: EC, RSA or oct. */
export const family = (kty) => kty.replace('-HSM', '');

const seconds = () => Math.floor(Date.now() / 1000);

/** Two keys that share nothing: those of a pair share a lock, in which a process was once seen to stand still for ever. */
function keyPair(type, options) {
  const { privateKey: key } = generateKeyPairSync(type, {
    ...options,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const form = { key, type: 'pkcs8', format: 'der' };
  return { privateKey: createPrivateKey(form), publicKey: createPublicKey(createPrivateKey(form)) };
}

function material(kty, crv, size) {
  if (family(kty) === 'EC') {
    const pair = keyPair('ec', { namedCurve: crv });
    const { d, x, y } = pair.privateKey.export({ format: 'jwk' });
    return { ...pair, jwk: { crv, x, y }, d: Buffer.from(d, 'base64url') };
  }
  if (family(kty) === 'RSA') {
    const pair = keyPair('rsa', { modulusLength: size });
    const { n, e } = pair.publicKey.export({ format: 'jwk' });
    return { ...pair, jwk: { n, e }, modulusBytes: size / 8 };
  }
  return { secret: createSecretKey(randomBytes(size / 8)), size, jwk: {} };
}

export class KeyStore {
  #keys = new Map();

  /** Creates a key, or a new version of one, as `POST /keys/NAME/create` does. */
  create(name, { kty = 'EC', crv = 'P-256', size, key_ops, enabled = true, nbf, exp, created, rotates } = {}) {
    const made = material(kty, crv, size ?? (family(kty) === 'RSA' ? 2048 : 256));
    const now = created ?? seconds();
    const version = {
      name,
      version: randomBytes(16).toString('hex'),
      kty,
      crv,
      rotates,
      key_ops: key_ops ?? OPERATIONS[family(kty)],
      attributes: { enabled, nbf, exp, created: now, updated: now, recoveryLevel: 'Recoverable', recoverableDays: 90 },
      ...made,
    };
    const key = this.#keys.get(name) ?? { versions: [], deleted: undefined };
    key.versions.push(version);
    this.#keys.set(name, key);
    return version;
  }

  /** The key of a name, deleted ones included. Names are not sensitive to case. */
  entry(name) {
    for (const [known, key] of this.#keys) if (known.toLowerCase() === name.toLowerCase()) return key;
    return undefined;
  }

  /** One version, or the newest. */
  find(name, version) {
    const key = this.entry(name);
    if (key === undefined || key.deleted !== undefined) return undefined;
    return version ? key.versions.find((one) => one.version === version) : key.versions.at(-1);
  }

  /** Every version of a live key in the order of their ids, as the service lists them. */
  versions(name) {
    const key = this.entry(name);
    if (key === undefined || key.deleted !== undefined) return undefined;
    return [...key.versions].sort((a, b) => (a.version < b.version ? -1 : 1));
  }

  update(name, version, { key_ops, ...attributes }) {
    const found = this.find(name, version);
    if (found === undefined) return undefined;
    if (key_ops !== undefined) found.key_ops = key_ops;
    Object.assign(found.attributes, attributes, { updated: seconds() });
    return found;
  }

  softDelete(name) {
    const key = this.entry(name);
    if (key === undefined) return false;
    key.deleted = { deletedDate: seconds(), scheduledPurgeDate: seconds() + 90 * 86_400 };
    return true;
  }

  recover(name) {
    const key = this.entry(name);
    if (key === undefined) return false;
    key.deleted = undefined;
    return true;
  }

  clear() {
    this.#keys.clear();
  }
}
