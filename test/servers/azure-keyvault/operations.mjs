// The cryptographic operations of the keys interface (REST reference, API 2025-07-01): sign, verify, wrapkey,
// unwrapkey, encrypt, decrypt, each with the refusals of the service.
import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { ecdsaSign, ecdsaVerify } from './ecdsa.mjs';
import { family } from './key-store.mjs';
import { badParameter, forbidden } from './refusals.mjs';
import { pkcs1Sign, pkcs1Verify, pssSign, pssVerify } from './rsa.mjs';

const SIGNATURES = {
  ES256: { family: 'EC', crv: 'P-256', hash: 'sha256', bytes: 32 },
  ES384: { family: 'EC', crv: 'P-384', hash: 'sha384', bytes: 48 },
  PS256: { family: 'RSA', hash: 'sha256', bytes: 32, pss: true },
  PS384: { family: 'RSA', hash: 'sha384', bytes: 48, pss: true },
  PS512: { family: 'RSA', hash: 'sha512', bytes: 64, pss: true },
  RS256: { family: 'RSA', hash: 'sha256', bytes: 32 },
  RS384: { family: 'RSA', hash: 'sha384', bytes: 48 },
  RS512: { family: 'RSA', hash: 'sha512', bytes: 64 },
};
const RSA_ENCRYPTION = {
  'RSA-OAEP': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  'RSA-OAEP-256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  RSA1_5: { padding: constants.RSA_PKCS1_PADDING },
};
const AES = /^A(128|192|256)(KW|GCM)$/;

/** What each operation may be sent, and the entry of key_ops that it needs. */
const OPERATIONS = {
  sign: { permission: 'sign', fields: ['alg', 'value'], run: sign },
  verify: { permission: 'verify', fields: ['alg', 'digest', 'value'], run: verify },
  wrapkey: { permission: 'wrapKey', fields: ['alg', 'value'], run: (key, body) => encrypt(key, body, 'KW') },
  unwrapkey: { permission: 'unwrapKey', fields: ['alg', 'value'], run: (key, body) => decrypt(key, body, 'KW') },
  encrypt: { permission: 'encrypt', fields: ['alg', 'value', 'aad', 'iv', 'tag'], run: (k, b) => encrypt(k, b, 'GCM') },
  decrypt: { permission: 'decrypt', fields: ['alg', 'value', 'aad', 'iv', 'tag'], run: (k, b) => decrypt(k, b, 'GCM') },
};

export const isOperation = (name) => Object.hasOwn(OPERATIONS, name);

/** Runs one operation on one version of a key. Throws a refusal. */
export function operate(name, key, body) {
  const operation = OPERATIONS[name];
  const { permission } = operation;
  checkState(permission, key);
  if (!key.key_ops.includes(permission)) throw forbidden(`Operation ${permission} is not permitted on this key.`);
  for (const field of Object.keys(body)) {
    if (!operation.fields.includes(field)) throw badParameter(`Property '${field}' is not recognized.`);
  }
  if (typeof body.alg !== 'string') throw badParameter("Property 'alg' is required.");
  return operation.run(key, body);
}

/** Disabled keys may still verify, wrap and encrypt; expired and not yet valid ones verify, unwrap and decrypt. */
function checkState(permission, key) {
  const { enabled, nbf, exp } = key.attributes;
  const now = Date.now() / 1000;
  if (!enabled && !['verify', 'wrapKey', 'encrypt'].includes(permission)) {
    throw forbidden(`Operation ${permission} is not allowed on a disabled key.`, 'KeyDisabled');
  }
  if (['verify', 'unwrapKey', 'decrypt'].includes(permission)) return;
  if (nbf !== undefined && now < nbf) {
    throw forbidden(`Operation ${permission} is not allowed on a key that is not yet valid.`, 'KeyNotYetValid');
  }
  if (exp !== undefined && now >= exp) {
    throw forbidden(`Operation ${permission} is not allowed on an expired key.`, 'KeyExpired');
  }
}

function bytes(body, field) {
  const text = body[field];
  if (typeof text !== 'string') throw badParameter(`Property '${field}' is required.`);
  const value = Buffer.from(text, 'base64url');
  if (value.toString('base64url') !== text.replace(/=+$/, '')) {
    throw badParameter(`Property '${field}' has invalid value: not base64url.`);
  }
  return value;
}

function signatureAlgorithm(key, body, digest) {
  const algorithm = Object.hasOwn(SIGNATURES, body.alg) ? SIGNATURES[body.alg] : undefined;
  if (algorithm === undefined) throw badParameter(`Invalid algorithm '${body.alg}'.`);
  if (family(key.kty) !== algorithm.family || (algorithm.crv !== undefined && algorithm.crv !== key.crv)) {
    throw badParameter(
      `Key and signing algorithm are incompatible. Key is of type '${key.kty}', not for '${body.alg}'.`,
    );
  }
  if (digest.length !== algorithm.bytes) {
    throw badParameter(
      `Invalid length of 'value': ${digest.length} bytes. ${body.alg} requires ${algorithm.bytes} bytes.`,
    );
  }
  return algorithm;
}

function sign(key, body) {
  const digest = bytes(body, 'value');
  const { crv, hash, pss } = signatureAlgorithm(key, body, digest);
  if (crv !== undefined) return { value: ecdsaSign(crv, key.d, digest) };
  if (pss) return { value: pssSign(key.privateKey, key.modulusBytes, hash, digest) };
  return { value: pkcs1Sign(key.privateKey, hash, digest) };
}

function verify(key, body) {
  const digest = bytes(body, 'digest');
  const signature = bytes(body, 'value');
  const { crv, hash, pss } = signatureAlgorithm(key, body, digest);
  if (crv !== undefined) {
    const at = (field) => Buffer.from(key.jwk[field], 'base64url');
    return { verified: ecdsaVerify(crv, at('x'), at('y'), digest, signature) };
  }
  if (pss) return { verified: pssVerify(key.publicKey, key.modulusBytes, hash, digest, signature) };
  return { verified: pkcs1Verify(key.publicKey, hash, digest, signature) };
}

function aes(key, alg, kind) {
  const match = AES.exec(alg);
  if (match === null || match[2] !== kind) throw badParameter(`Invalid algorithm '${alg}'.`);
  if (key.size !== Number(match[1])) throw badParameter(`Key of ${key.size} bits is not for '${alg}'.`);
  return kind === 'KW' ? `aes${match[1]}-wrap` : `aes-${match[1]}-gcm`;
}

function rsa(key, alg, kind) {
  if (Object.hasOwn(RSA_ENCRYPTION, alg) && family(key.kty) === 'RSA') return RSA_ENCRYPTION[alg];
  throw badParameter(
    `Invalid algorithm '${alg}' for ${kind === 'KW' ? 'key wrapping' : 'encryption'} with '${key.kty}'.`,
  );
}

const KEY_WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1

function encrypt(key, body, kind) {
  const plaintext = bytes(body, 'value');
  if (family(key.kty) !== 'oct') {
    const padding = rsa(key, body.alg, kind);
    return refuse(() => ({ value: publicEncrypt({ key: key.publicKey, ...padding }, plaintext) }));
  }
  const cipherName = aes(key, body.alg, kind);
  if (kind === 'KW') {
    const cipher = createCipheriv(cipherName, key.secret, KEY_WRAP_IV);
    return refuse(() => ({ value: Buffer.concat([cipher.update(plaintext), cipher.final()]) }));
  }
  if (body.iv !== undefined)
    throw badParameter("Property 'iv' must not be given: the service generates it for AES-GCM.");
  const iv = randomBytes(12);
  const aad = body.aad === undefined ? undefined : bytes(body, 'aad');
  const cipher = createCipheriv(cipherName, key.secret, iv);
  if (aad !== undefined) cipher.setAAD(aad);
  const value = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { value, iv, tag: cipher.getAuthTag(), ...(aad === undefined ? {} : { aad }) };
}

function decrypt(key, body, kind) {
  const ciphertext = bytes(body, 'value');
  if (family(key.kty) !== 'oct') {
    const padding = rsa(key, body.alg, kind);
    return refuse(() => ({ value: privateDecrypt({ key: key.privateKey, ...padding }, ciphertext) }));
  }
  const cipherName = aes(key, body.alg, kind);
  if (kind === 'KW') {
    const decipher = createDecipheriv(cipherName, key.secret, KEY_WRAP_IV);
    return refuse(() => ({ value: Buffer.concat([decipher.update(ciphertext), decipher.final()]) }));
  }
  const [iv, tag] = [bytes(body, 'iv'), bytes(body, 'tag')];
  return refuse(() => {
    const decipher = createDecipheriv(cipherName, key.secret, iv, { authTagLength: 16 });
    if (body.aad !== undefined) decipher.setAAD(bytes(body, 'aad'));
    decipher.setAuthTag(tag);
    return { value: Buffer.concat([decipher.update(ciphertext), decipher.final()]) };
  });
}

/** What the cipher refuses is the caller's mistake, not the server's. */
function refuse(run) {
  try {
    return run();
  } catch {
    throw badParameter('The parameter is incorrect.');
  }
}
