// RSASSA over a ready digest (RFC 8017 sections 8.1 and 8.2): the padding is written here, the modular power is
// node:crypto's.
import { constants, createHash, privateEncrypt, publicDecrypt, randomBytes } from 'node:crypto';

const DIGEST_INFO = {
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha384: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
};

const raw = constants.RSA_NO_PADDING;
const pkcs1 = constants.RSA_PKCS1_PADDING;

export function pkcs1Sign(privateKey, hash, digest) {
  return privateEncrypt({ key: privateKey, padding: pkcs1 }, Buffer.concat([DIGEST_INFO[hash], digest]));
}

export function pkcs1Verify(publicKey, hash, digest, signature) {
  const opened = open(publicKey, signature, pkcs1);
  return opened?.equals(Buffer.concat([DIGEST_INFO[hash], digest])) ?? false;
}

function open(publicKey, signature, padding) {
  try {
    return publicDecrypt({ key: publicKey, padding }, signature);
  } catch {
    return undefined; // not a signature at all: the service answers value:false
  }
}

function mgf1(hash, seed, length) {
  const blocks = [];
  for (let counter = 0, have = 0; have < length; counter++) {
    const block = createHash(hash)
      .update(seed)
      .update(Buffer.from([counter >>> 24, counter >>> 16, counter >>> 8, counter]))
      .digest();
    blocks.push(block);
    have += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}

const xor = (a, b) => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));

/** The salt is as long as the hash (RFC 7518 section 3.5). The modulus is a multiple of 8 bits. */
export function pssSign(privateKey, modulusBytes, hash, digest) {
  const salt = randomBytes(digest.length);
  const h = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const padding = Buffer.alloc(modulusBytes - salt.length - h.length - 2);
  const db = Buffer.concat([padding, Buffer.from([1]), salt]);
  const masked = xor(db, mgf1(hash, h, db.length));
  masked[0] &= 0x7f;
  return privateEncrypt({ key: privateKey, padding: raw }, Buffer.concat([masked, h, Buffer.from([0xbc])]));
}

export function pssVerify(publicKey, modulusBytes, hash, digest, signature) {
  if (signature.length !== modulusBytes) return false;
  const em = open(publicKey, signature, raw);
  if (em === undefined || em.at(-1) !== 0xbc || (em[0] & 0x80) !== 0) return false;
  const h = em.subarray(modulusBytes - digest.length - 1, -1);
  const masked = em.subarray(0, modulusBytes - digest.length - 1);
  const db = xor(masked, mgf1(hash, h, masked.length));
  db[0] &= 0x7f;
  const one = db.length - digest.length - 1;
  if (db[one] !== 1 || db.subarray(0, one).some((byte) => byte !== 0)) return false;
  const salt = db.subarray(one + 1);
  return createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest().equals(h);
}
