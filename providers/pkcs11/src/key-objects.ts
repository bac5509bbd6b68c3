import { joinIdentity, type KeyNaming, TamperError } from 'fapilog-tamper/keys';
import type { Handle } from 'pkcs11js';
import {
  CKA_CLASS,
  CKA_EXTRACTABLE,
  CKA_ID,
  CKA_KEY_TYPE,
  CKA_LABEL,
  CKA_SENSITIVE,
  CKK_AES,
  CKK_GENERIC_SECRET,
  CKK_SHA256_HMAC,
  CKO_PRIVATE_KEY,
  CKO_SECRET_KEY,
} from './cryptoki.ts';
import { returnValueOf } from './errors.ts';
import type { Session } from './library.ts';
import { isLoggedIn } from './pin.ts';
import { numberOf } from './token.ts';

/** How identities are written: `payments#02` is the object with the label `payments` and the CKA_ID 02. */
export const naming = { source: 'pkcs11', versionSeparator: '#' } as const satisfies KeyNaming;

/** What a key is looked for to do. */
export type KeyUse = 'data keys' | 'signatures';

/** One version of a key: an object that is the token's. */
export interface KeyObject {
  readonly handle: Handle;
  readonly name: string;
  /** The name and the CKA_ID in hexadecimal. */
  readonly identity: string;
  readonly id: Buffer;
  readonly type: number;
  readonly isPrivateKey: boolean;
  /** Whether the token would give its bytes away. */
  readonly isExposed: boolean;
}

/** A CKA_ID of at most so many bytes is a number; a longer one is a hash of some tool. */
const LONGEST_NUMBER = 8;
/** As many objects as one label may have. */
const MOST_VERSIONS = 10_000;

/**
 * The newest version of a key: of the objects with its label the one whose CKA_ID is the greatest number. One with a longer CKA_ID
 * is older than all of them.
 *
 * @throws KEY_NOT_FOUND; KEY_MALFORMED if it cannot be told which one is the newest
 */
export function newestVersion(session: Session, name: string, use: KeyUse, token: string): KeyObject {
  const found = candidates(session, name, use);
  if (found.length === 0) throw notFound('KEY_NOT_FOUND', `"${name}" for ${use}`, token);
  const ranked = found.map(({ handle, id }) => ({ handle, id, rank: rankOf(id) }));
  const [newest, second] = ranked.sort((one, other) => (one.rank < other.rank ? 1 : -1));
  if (newest === undefined || newest.id.length === 0 || newest.rank === second?.rank) {
    throw new TamperError('KEY_MALFORMED', `PKCS#11 ${token} does not say which key "${name}" is the newest`, {
      hint: 'Give each version a CKA_ID of its own that is a number of at most 8 bytes: 01, 02, and so on.',
    });
  }
  return described(session, newest.handle, name, newest.id);
}

/**
 * A version of a key by its CKA_ID in hexadecimal.
 *
 * @throws KEY_NOT_FOUND, KEY_VERSION_UNAVAILABLE; KEY_MALFORMED if there are several
 */
export function versionOf(session: Session, name: string, version: string, use: KeyUse, token: string): KeyObject {
  const all = candidates(session, name, use);
  const identity = joinIdentity(naming, name, version);
  const [found, ...others] = all.filter(({ id }) => id.length > 0 && id.toString('hex') === version);
  if (found === undefined) {
    throw notFound(all.length === 0 ? 'KEY_NOT_FOUND' : 'KEY_VERSION_UNAVAILABLE', `${identity} for ${use}`, token);
  }
  if (others.length === 0) return described(session, found.handle, name, found.id);
  throw new TamperError('KEY_MALFORMED', `PKCS#11 ${token} has several keys ${identity} for ${use}`, {
    hint: 'Give each version of a key a CKA_ID of its own.',
  });
}

/** The value of an attribute; undefined if the object has none, or the token does not give it. */
export function attributeOf({ library, handle }: Session, object: Handle, type: number): Buffer | undefined {
  try {
    const value = library.C_GetAttributeValue(handle, object, [{ type }])[0]?.value;
    return Buffer.isBuffer(value) ? value : undefined;
  } catch (error) {
    const name = returnValueOf(error);
    if (name === 'CKR_ATTRIBUTE_TYPE_INVALID' || name === 'CKR_ATTRIBUTE_SENSITIVE') return undefined;
    throw error;
  }
}

/** A boolean attribute; undefined if the object does not have it. */
export function flagOf(session: Session, object: Handle, type: number): boolean | undefined {
  const value = attributeOf(session, object, type);
  return value === undefined || value.length === 0 ? undefined : value[0] !== 0;
}

/** All objects that have these attributes. */
export function objectsWith({ library, handle }: Session, template: { type: number; value: unknown }[]): Handle[] {
  library.C_FindObjectsInit(handle, template as { type: number; value: number | Buffer | string }[]);
  try {
    return library.C_FindObjects(handle, MOST_VERSIONS);
  } finally {
    library.C_FindObjectsFinal(handle);
  }
}

function candidates(session: Session, name: string, use: KeyUse): { handle: Handle; id: Buffer }[] {
  // without a login a token shows no private object, and does not say that there are some
  if (!isLoggedIn(session)) throw new Error('CKR_USER_NOT_LOGGED_IN');
  const ofClass = (value: number): Handle[] =>
    objectsWith(session, [
      { type: CKA_CLASS, value },
      { type: CKA_LABEL, value: name },
    ]);
  const isMac = (handle: Handle): boolean => isHmac(typeOf(session, handle));
  const secrets = ofClass(CKO_SECRET_KEY);
  const handles =
    use === 'signatures'
      ? [...ofClass(CKO_PRIVATE_KEY), ...secrets.filter(isMac)]
      : secrets.filter((handle) => typeOf(session, handle) === CKK_AES || isMac(handle));
  return handles.map((handle) => ({ handle, id: attributeOf(session, handle, CKA_ID) ?? Buffer.alloc(0) }));
}

export function isHmac(type: number): boolean {
  return type === CKK_GENERIC_SECRET || type === CKK_SHA256_HMAC;
}

function typeOf(session: Session, handle: Handle): number {
  return numberOf(attributeOf(session, handle, CKA_KEY_TYPE) ?? Buffer.from([0xff]));
}

function rankOf(id: Buffer): bigint {
  return id.length > LONGEST_NUMBER ? -1n : BigInt(`0x0${id.toString('hex')}`);
}

function described(session: Session, handle: Handle, name: string, id: Buffer): KeyObject {
  const objectClass = numberOf(attributeOf(session, handle, CKA_CLASS) ?? Buffer.alloc(1));
  return {
    handle,
    name,
    identity: joinIdentity(naming, name, id.toString('hex')),
    id,
    type: typeOf(session, handle),
    isPrivateKey: objectClass === CKO_PRIVATE_KEY,
    isExposed: flagOf(session, handle, CKA_EXTRACTABLE) === true || flagOf(session, handle, CKA_SENSITIVE) === false,
  };
}

function notFound(code: 'KEY_NOT_FOUND' | 'KEY_VERSION_UNAVAILABLE', what: string, token: string): TamperError {
  return new TamperError(code, `PKCS#11 ${token} has no key ${what}`, {
    hint: 'The label of the object must be the name of the key, and its CKA_ID the version, in lower-case hexadecimal (NAME#02). List them with: pkcs11-tool --login --list-objects',
  });
}
