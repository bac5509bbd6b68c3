import { randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto';
import { isTamperError, type KeyContext, TamperError, wrappingAad } from 'fapilog-tamper/keys';
import type { Mechanism } from 'pkcs11js';
import { CKM_AES_GCM, PARAMS_AES_GCM, PARAMS_AES_GCM_WITHOUT_IV_BITS } from './cryptoki.ts';
import { isLost, returnValueOf } from './errors.ts';
import { isHmac, type KeyObject } from './key-objects.ts';
import { decryptWith, encryptWith, type Session } from './library.ts';
import { hmac } from './signing.ts';

// What the log keeps of a data key:
//   AES   01, an IV of 12 bytes, and AES-GCM of the data key: 32 bytes and a tag of 16. The context is additional data.
//   HMAC  02, 32 random bytes, and a check value of 32. The data key is the HMAC of the random bytes and the context.

const AES = 1;
const HMAC = 2;
const IV_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** A new data key. The caller overwrites the material. */
export interface NewDataKey {
  readonly material: Buffer;
  readonly wrapped: Buffer;
}

/** Makes a data key that this key of the token can recover, and has seen to it that it can. */
export async function makeDataKey(session: Session, key: KeyObject, context: KeyContext): Promise<NewDataKey> {
  const aad = wrappingAad(context);
  if (isHmac(key.type)) {
    const nonce = randomBytes(KEY_BYTES);
    const wrapped = Buffer.concat([Buffer.of(HMAC), nonce, await derive(session, key, 'check', aad, nonce)]);
    return { material: await derive(session, key, 'data key', aad, nonce), wrapped };
  }
  const material = randomFillSync(Buffer.alloc(KEY_BYTES));
  try {
    const iv = randomBytes(IV_BYTES);
    const sealed = await withGcm(iv, aad, (gcm) => encryptWith(session, gcm, key.handle, material));
    const wrapped = Buffer.concat([Buffer.of(AES), iv, sealed]);
    // some HSMs choose another IV than they are given: the log could then never be verified
    const again = await withGcm(iv, aad, (gcm) => decryptWith(session, gcm, key.handle, sealed)).catch(unlessLost);
    const isSame = again.equals(material);
    again.fill(0);
    if (!isSame) throw notRecoverable(key);
    return { material, wrapped };
  } catch (error) {
    material.fill(0);
    throw error;
  }
}

/**
 * The data key that was wrapped so. The caller overwrites it.
 *
 * @throws WRONG_KEY_OR_CONTEXT
 */
export async function unwrapDataKey(
  session: Session,
  key: KeyObject,
  wrapped: Uint8Array,
  context: KeyContext,
): Promise<Buffer> {
  const aad = wrappingAad(context);
  const body = Buffer.from(wrapped.subarray(1));
  const kind = isHmac(key.type) ? HMAC : AES;
  const length = kind === HMAC ? 2 * KEY_BYTES : IV_BYTES + KEY_BYTES + TAG_BYTES;
  if (wrapped[0] !== kind || body.length !== length) throw wrongKey(key);
  if (kind === HMAC) {
    const nonce = body.subarray(0, KEY_BYTES);
    const check = await derive(session, key, 'check', aad, nonce);
    if (!timingSafeEqual(check, body.subarray(KEY_BYTES))) throw wrongKey(key);
    return derive(session, key, 'data key', aad, nonce);
  }
  try {
    const sealed = body.subarray(IV_BYTES);
    return await withGcm(body.subarray(0, IV_BYTES), aad, (gcm) => decryptWith(session, gcm, key.handle, sealed));
  } catch (error) {
    if (returnValueOf(error) === undefined || isLost(error)) throw error;
    // each token has a return value of its own for a wrong tag, SoftHSM even CKR_GENERAL_ERROR: ask whether the key works
    throw (await isWorking(session, key, context)) ? wrongKey(key) : error;
  }
}

/** Whether the key makes a data key now. That it does not says nothing of the one at hand. */
async function isWorking(session: Session, key: KeyObject, context: KeyContext): Promise<boolean> {
  try {
    const { material } = await makeDataKey(session, key, context);
    material.fill(0);
    return true;
  } catch (error) {
    if (returnValueOf(error) === undefined && !isTamperError(error)) throw error;
    return false;
  }
}

function derive(
  session: Session,
  { handle }: KeyObject,
  what: 'data key' | 'check',
  aad: Buffer,
  nonce: Buffer,
): Promise<Buffer> {
  return hmac(session, handle, Buffer.concat([Buffer.from(`fapilog-tamper-keys-pkcs11 ${what}\n`), aad, nonce]));
}

/** Libraries differ in whether the structure has the length of the IV in bits, which the text of PKCS#11 2.40 has and its header has not. */
async function withGcm<T>(iv: Buffer, aad: Buffer, run: (gcm: Mechanism) => Promise<T>): Promise<T> {
  const parameter = { type: PARAMS_AES_GCM, iv, ivBits: 8 * IV_BYTES, aad, tagBits: 8 * TAG_BYTES };
  try {
    return await run({ mechanism: CKM_AES_GCM, parameter });
  } catch (error) {
    const name = returnValueOf(error);
    if (name !== 'CKR_MECHANISM_PARAM_INVALID' && name !== 'CKR_ARGUMENTS_BAD') throw error;
    return run({ mechanism: CKM_AES_GCM, parameter: { ...parameter, type: PARAMS_AES_GCM_WITHOUT_IV_BITS } });
  }
}

/** A token that refuses to decrypt has given nothing. */
function unlessLost(error: unknown): Buffer {
  if (returnValueOf(error) === undefined || isLost(error)) throw error;
  return Buffer.alloc(0);
}

function wrongKey({ identity }: KeyObject): TamperError {
  return new TamperError('WRONG_KEY_OR_CONTEXT', `PKCS#11 key ${identity} did not wrap this data key for this stream`);
}

function notRecoverable({ identity }: KeyObject): TamperError {
  return new TamperError('UNSUPPORTED_OPERATION', `PKCS#11 key ${identity} cannot decrypt what it encrypted`, {
    hint: 'The token has an AES-GCM of its own kind, or the key lacks CKA_DECRYPT. A generic secret with CKA_SIGN (HMAC) works everywhere.',
  });
}
