import { TamperError } from 'fapilog-tamper/keys';
import type { Handle, Mechanism, PKCS11 } from 'pkcs11js';
import { CKF_OS_LOCKING_OK } from './cryptoki.ts';
import { returnValueOf } from './errors.ts';

const loaded = new Map<string, Promise<PKCS11>>();
/** Those that this module initialized, and when it last did, by the clock of `performance`. */
const ours = new WeakMap<PKCS11, number>();
/** How long a library that was initialized is not initialized again, in milliseconds: other tokens of it may be in use. */
const LOOK_ANEW_PAUSE_MS = 5_000;

/**
 * The library at this path, loaded once for each process. It is not finalized at the end: that would end the sessions of everything
 * else in the process that uses it.
 *
 * @throws DEPENDENCY_MISSING if pkcs11js or the library cannot be loaded
 */
export function loadLibrary(path: string): Promise<PKCS11> {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const loading = load(path);
  loaded.set(path, loading);
  loading.catch(() => loaded.delete(path));
  return loading;
}

async function load(path: string): Promise<PKCS11> {
  let library: PKCS11;
  try {
    const { default: pkcs11js } = await import('pkcs11js');
    library = new pkcs11js.PKCS11();
  } catch (cause) {
    throw new TamperError('DEPENDENCY_MISSING', 'the native half of pkcs11js is not built', {
      cause,
      hint: 'Run: npm rebuild pkcs11js (it needs a C++ compiler, make and Python)',
    });
  }
  try {
    library.load(path);
  } catch (cause) {
    throw new TamperError('DEPENDENCY_MISSING', `the PKCS#11 library ${path} cannot be loaded`, {
      cause,
      hint: 'module is the absolute path of the library that the maker of the HSM gives, for this processor and system.',
    });
  }
  initialize(library);
  return library;
}

/** Something else in the process may have done it before. */
export function initialize(library: PKCS11): void {
  try {
    library.C_Initialize({ flags: CKF_OS_LOCKING_OK });
    ours.set(library, performance.now());
  } catch (error) {
    if (returnValueOf(error) !== 'CKR_CRYPTOKI_ALREADY_INITIALIZED') throw error;
  }
}

/**
 * Lets a library look for its tokens anew, because some, SoftHSM among them, never see again a token that was away. All sessions
 * with its tokens end, so this is for when a token cannot be found, not more often than every 5 seconds, and only where nothing
 * else initialized the library.
 *
 * @returns whether it was done
 */
export function lookAnew(library: PKCS11): boolean {
  const initializedAt = ours.get(library);
  if (initializedAt === undefined || performance.now() < initializedAt + LOOK_ANEW_PAUSE_MS) return false;
  if (inUse.size > 0) return false; // another thread may be in the library
  library.C_Finalize();
  ours.delete(library);
  initialize(library);
  return true;
}

/** pkcs11js does not hold what another thread reads: without this the memory could be collected meanwhile. */
const inUse = new Set<Uint8Array>();

async function holding<T>(input: Uint8Array, run: () => Promise<T>): Promise<T> {
  inUse.add(input);
  try {
    return await run();
  } finally {
    inUse.delete(input);
  }
}

/** A session with a token, and one operation at a time in it. What the token computes is computed off this thread. */
export interface Session {
  readonly library: PKCS11;
  readonly handle: Handle;
}

/** No signature and no ciphertext here is longer: RSA of 8,192 bits gives 1,024 bytes. */
const MOST_OUTPUT = 1024;

export function signWith(session: Session, mechanism: Mechanism, key: Handle, data: Uint8Array): Promise<Buffer> {
  const input = Buffer.from(data);
  return holding(input, () => {
    session.library.C_SignInit(session.handle, mechanism, key);
    return session.library.C_SignAsync(session.handle, input, Buffer.alloc(MOST_OUTPUT));
  });
}

export function encryptWith(session: Session, mechanism: Mechanism, key: Handle, data: Buffer): Promise<Buffer> {
  return holding(data, () => {
    session.library.C_EncryptInit(session.handle, mechanism, key);
    return session.library.C_EncryptAsync(session.handle, data, Buffer.alloc(MOST_OUTPUT));
  });
}

/** The caller overwrites what it is given. */
export function decryptWith(session: Session, mechanism: Mechanism, key: Handle, data: Buffer): Promise<Buffer> {
  return holding(data, () => {
    session.library.C_DecryptInit(session.handle, mechanism, key);
    return session.library.C_DecryptAsync(session.handle, data, Buffer.alloc(MOST_OUTPUT));
  });
}
