// The algorithms of CryptoKeyVersion that this server offers, with what each demands.
import {
  constants,
  createECDH,
  createHash,
  createHmac,
  generateKeyPair,
  privateEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

const rsa = (padding, modulusLength, hash) => ({
  purpose: 'ASYMMETRIC_SIGN',
  family: 'rsa',
  padding,
  modulusLength,
  hash,
});
const ec = (namedCurve, hash, ecdh, size, order) => ({
  purpose: 'ASYMMETRIC_SIGN',
  family: 'ec',
  namedCurve,
  hash,
  ecdh,
  size,
  order,
});
const mac = (hash, keyBytes) => ({ purpose: 'MAC', family: 'mac', hash, keyBytes });

const orderP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const orderP384 = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;

export const algorithms = {
  GOOGLE_SYMMETRIC_ENCRYPTION: { purpose: 'ENCRYPT_DECRYPT', family: 'aes', keyBytes: 32 },
  HMAC_SHA1: mac('sha1', 20),
  HMAC_SHA224: mac('sha224', 28),
  HMAC_SHA256: mac('sha256', 32),
  HMAC_SHA384: mac('sha384', 48),
  HMAC_SHA512: mac('sha512', 64),
  EC_SIGN_P256_SHA256: ec('P-256', 'sha256', 'prime256v1', 32, orderP256),
  EC_SIGN_P384_SHA384: ec('P-384', 'sha384', 'secp384r1', 48, orderP384),
  EC_SIGN_ED25519: { purpose: 'ASYMMETRIC_SIGN', family: 'ed25519' },
  RSA_SIGN_PSS_2048_SHA256: rsa('pss', 2048, 'sha256'),
  RSA_SIGN_PSS_3072_SHA256: rsa('pss', 3072, 'sha256'),
  RSA_SIGN_PSS_4096_SHA256: rsa('pss', 4096, 'sha256'),
  RSA_SIGN_PSS_4096_SHA512: rsa('pss', 4096, 'sha512'),
  RSA_SIGN_PKCS1_2048_SHA256: rsa('pkcs1', 2048, 'sha256'),
  RSA_SIGN_PKCS1_3072_SHA256: rsa('pkcs1', 3072, 'sha256'),
  RSA_SIGN_PKCS1_4096_SHA256: rsa('pkcs1', 4096, 'sha256'),
  RSA_SIGN_PKCS1_4096_SHA512: rsa('pkcs1', 4096, 'sha512'),
};

export const digestBytes = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

/** New key material: `{ secret }` or `{ privateKey, publicKey }`. */
export async function generateMaterial(algorithm) {
  const parameters = algorithms[algorithm];
  switch (parameters.family) {
    case 'ec':
      return generate('ec', { namedCurve: parameters.namedCurve });
    case 'ed25519':
      return generate('ed25519');
    case 'rsa':
      return generate('rsa', { modulusLength: parameters.modulusLength });
    default:
      return { secret: randomBytes(parameters.keyBytes) };
  }
}

export function computeMac(algorithm, material, data) {
  return createHmac(algorithms[algorithm].hash, material.secret).update(data).digest();
}

/** Signs data (Ed25519: pure; others: hashed first, as the algorithm of the version says). */
export function signData(algorithm, material, data) {
  const parameters = algorithms[algorithm];
  if (parameters.family === 'ed25519') return sign(null, data, material.privateKey);
  return signDigest(algorithm, material, createHash(parameters.hash).update(data).digest());
}

/** Signs a ready digest: ECDSA as DER, RSA-PSS with a salt as long as the digest, RSA PKCS #1 v1.5. */
export function signDigest(algorithm, material, digest) {
  const parameters = algorithms[algorithm];
  if (parameters.family === 'ec') return ecdsaOverDigest(parameters, material.privateKey, digest);
  if (parameters.padding === 'pkcs1') {
    const info = Buffer.concat([digestInfo[parameters.hash], digest]);
    return privateEncrypt({ key: material.privateKey, padding: constants.RSA_PKCS1_PADDING }, info);
  }
  const encoded = encodePss(parameters.hash, digest, parameters.modulusLength - 1);
  return privateEncrypt({ key: material.privateKey, padding: constants.RSA_NO_PADDING }, encoded);
}

// RFC 8017, 9.2, note 1
const digestInfo = {
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
};

// RFC 8017, 9.1.1
function encodePss(hash, digest, bits) {
  const length = Math.ceil(bits / 8);
  const salt = randomBytes(digest.length);
  const h = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const db = Buffer.alloc(length - h.length - 1);
  db[db.length - salt.length - 1] = 1;
  salt.copy(db, db.length - salt.length);
  const mask = mgf1(hash, h, db.length);
  for (let i = 0; i < db.length; i++) db[i] ^= mask[i];
  db[0] &= 0xff >> (8 * length - bits);
  return Buffer.concat([db, h, Buffer.from([0xbc])]);
}

function mgf1(hash, seed, length) {
  const blocks = [];
  for (let counter = 0, have = 0; have < length; counter++) {
    const suffix = Buffer.alloc(4);
    suffix.writeUInt32BE(counter);
    const block = createHash(hash).update(seed).update(suffix).digest();
    blocks.push(block);
    have += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}

// node:crypto signs data only, never a ready digest; the multiplication k·G is its own (ECDH).
function ecdsaOverDigest({ ecdh, size, order }, privateKey, digest) {
  const d = BigInt(`0x${Buffer.from(privateKey.export({ format: 'jwk' }).d, 'base64url').toString('hex')}`);
  const z = BigInt(`0x${digest.subarray(0, size).toString('hex')}`);
  for (;;) {
    const nonce = createECDH(ecdh);
    const point = nonce.generateKeys();
    const k = BigInt(`0x${nonce.getPrivateKey('hex')}`);
    const r = BigInt(`0x${point.subarray(1, 1 + size).toString('hex')}`) % order;
    const s = (inverse(k, order) * (z + r * d)) % order;
    if (r !== 0n && s !== 0n) return derSequence(r, s);
  }
}

function inverse(value, modulus) {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a !== 0n) {
    const q = b / a;
    [b, a] = [a, b - q * a];
    [y, x] = [x, y - q * x];
  }
  return ((y % modulus) + modulus) % modulus;
}

function derSequence(...integers) {
  const body = Buffer.concat(
    integers.map((integer) => {
      let hex = integer.toString(16);
      if (hex.length % 2 === 1) hex = `0${hex}`;
      if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
      return Buffer.concat([Buffer.from([0x02, hex.length / 2]), Buffer.from(hex, 'hex')]);
    }),
  );
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
