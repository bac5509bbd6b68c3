import { isUtf8 } from 'node:buffer';
import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { checkSecretFile, TamperError } from 'fapilog-tamper/keys';
import type { TokenInfo } from 'pkcs11js';
import {
  CKF_USER_PIN_FINAL_TRY,
  CKF_USER_PIN_LOCKED,
  CKS_RO_USER_FUNCTIONS,
  CKS_RW_USER_FUNCTIONS,
  CKU_USER,
} from './cryptoki.ts';
import { returnValueOf, tokenError } from './errors.ts';
import type { Session } from './library.ts';

/**
 * The PINs that each token refused since it took one, under a key that only this process has. They are never tried again, by no
 * provider of the process: a few wrong PINs lock a token.
 */
const refused = new Map<string, Set<string>>();
const printKey = randomBytes(32);

/** No PIN is longer, in bytes. */
const LONGEST_PIN = 1024;

export function isLoggedIn({ library, handle }: Session): boolean {
  const { state } = library.C_GetSessionInfo(handle);
  return state === CKS_RO_USER_FUNCTIONS || state === CKS_RW_USER_FUNCTIONS;
}

/**
 * Logs in with the PIN in a file, unless another session of the process is logged in: a login is one of the process, not of a
 * session. The file is read anew each time, so that a changed PIN is found.
 *
 * @param token - names the token in messages
 * @throws UNAUTHENTICATED, CREDENTIALS_EXHAUSTED, KEY_FILE_PERMISSIONS
 */
export function logIn(session: Session, info: TokenInfo, pinFile: string, token: string): void {
  if (isLoggedIn(session)) return;
  if ((info.flags & CKF_USER_PIN_LOCKED) !== 0) {
    throw new TamperError('CREDENTIALS_EXHAUSTED', `the user PIN of PKCS#11 ${token} is locked`, {
      hint: 'Have the security officer set a new PIN (C_InitPIN), and write it into pin_file.',
    });
  }
  const pin = readPin(pinFile);
  try {
    const print = createHmac('sha256', printKey).update(pin).digest('hex');
    const name = `${session.library.libPath}\n${info.serialNumber}\n${info.label}`;
    if (refused.get(name)?.has(print) === true) {
      throw new TamperError('UNAUTHENTICATED', `PKCS#11 ${token} refused the PIN in ${pinFile} before`, {
        hint: 'Write the right PIN into pin_file. This one is not tried again, because a few wrong ones lock the token.',
      });
    }
    if ((info.flags & CKF_USER_PIN_FINAL_TRY) !== 0) {
      throw new TamperError('UNAUTHENTICATED', `one more wrong PIN would lock PKCS#11 ${token}`, {
        hint: 'Log in to the token by hand with the right PIN, which resets its counter, and check pin_file.',
      });
    }
    attempt(session, pin, token, () => refused.set(name, new Set(refused.get(name)).add(print)));
    refused.delete(name);
  } finally {
    pin.fill(0);
  }
}

function attempt({ library, handle }: Session, pin: Buffer, token: string, onRefused: () => void): void {
  try {
    library.C_Login(handle, CKU_USER, pin.toString('utf8')); // takes nothing but a string
  } catch (error) {
    const name = returnValueOf(error);
    if (name === 'CKR_USER_ALREADY_LOGGED_IN') return;
    if (name?.includes('_PIN_') === true) onRefused();
    throw name?.includes('_PIN_') === true ? tokenError(error, token) : error;
  }
}

/** @throws UNAUTHENTICATED if there is no PIN in the file; KEY_FILE_PERMISSIONS if others may read or change it */
function readPin(path: string): Buffer {
  const buffer = Buffer.alloc(LONGEST_PIN + 2);
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe would wait for its writer
  } catch (cause) {
    throw noPin(path, `cannot be read (${String((cause as NodeJS.ErrnoException).code)})`, cause);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw noPin(path, 'is not a regular file');
    checkSecretFile('PIN file', path, stats);
    const length = readSync(file, buffer, 0, buffer.length, 0);
    let end = length;
    if (buffer[end - 1] === 0x0a) end -= 1;
    if (buffer[end - 1] === 0x0d) end -= 1;
    if (end === 0) throw noPin(path, 'is empty');
    if (end > LONGEST_PIN) throw noPin(path, `is longer than ${LONGEST_PIN} bytes`);
    const pin = buffer.subarray(0, end);
    // no token has such a PIN, and each attempt counts
    if (!isUtf8(pin) || pin.includes(0)) throw noPin(path, 'is not text');
    return Buffer.alloc(end, pin);
  } finally {
    buffer.fill(0);
    closeSync(file);
  }
}

function noPin(path: string, problem: string, cause?: unknown): TamperError {
  return new TamperError('UNAUTHENTICATED', `the PIN file ${path} ${problem}`, {
    cause,
    hint: 'pin_file is the absolute path of a file that holds the user PIN of the token and nothing else.',
  });
}
