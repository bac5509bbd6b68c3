import { endianness } from 'node:os';
import { TamperError, throwIfAborted } from 'fapilog-tamper/keys';
import type { Handle, PKCS11, TokenInfo } from 'pkcs11js';
import { CKF_SERIAL_SESSION } from './cryptoki.ts';
import { isLost, returnValueOf, tokenError } from './errors.ts';
import { initialize, loadLibrary, lookAnew, type Session } from './library.ts';
import type { Pkcs11Options } from './options.ts';
import { logIn } from './pin.ts';

/** A session that is logged in. */
export interface OpenSession extends Session {
  /** Handles of keys that were found in this session, by identity. */
  readonly keys: Map<string, Handle>;
}

interface Found {
  readonly slot: Handle;
  readonly info: TokenInfo;
}

/** How long closing waits for an operation that is under way, in milliseconds: nothing can end it. */
const CLOSE_WAIT_MS = 2_000;

/**
 * One token: a session that is opened at the first use, used by one caller at a time, and opened again if it or its login was lost.
 */
export class Token {
  /** How messages call it. */
  readonly name: string;
  readonly #options: Pkcs11Options;
  #session: OpenSession | undefined;
  #before: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: Pkcs11Options) {
    this.#options = options;
    const { token, serial, slot } = options;
    this.name = token !== undefined ? `token "${token}"` : serial !== undefined ? `token ${serial}` : `slot ${slot}`;
  }

  /** Runs `use` once all earlier uses have ended; once more, in a new session, if the session turns out to be lost. */
  run<T>(signal: AbortSignal, use: (session: OpenSession) => Promise<T>): Promise<T> {
    const mine = this.#before.then(() => {
      throwIfAborted(`PKCS#11 ${this.name}`, signal);
      return this.#use(use);
    });
    this.#before = mine.catch(() => undefined); // told to its caller
    return mine;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closing = this.#before.then(() => this.#drop());
    this.#before = closing;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_WAIT_MS);
    });
    await Promise.race([closing, waited]);
    clearTimeout(timer);
  }

  async #use<T>(use: (session: OpenSession) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#session ??= await this.#open();
        return await use(this.#session);
      } catch (error) {
        if (returnValueOf(error) !== undefined) this.#drop();
        if (attempt > 1 || !isLost(error)) throw tokenError(error, this.name);
      }
    }
  }

  async #open(): Promise<OpenSession> {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', `PKCS#11 ${this.name} is closed`);
    const library = await loadLibrary(this.#options.module);
    initialize(library); // somebody else in the process may have finalized it
    const { slot, info } = this.#find(library);
    const session = { library, handle: library.C_OpenSession(slot, CKF_SERIAL_SESSION), keys: new Map() };
    try {
      logIn(session, info, this.#options.pin_file, this.name);
      return session;
    } catch (error) {
      closeQuietly(session);
      throw error;
    }
  }

  /** @throws UNAVAILABLE if no token answers to the options; CONFIG_INVALID if several do */
  #find(library: PKCS11): Found {
    const { module, token, serial, slot } = this.#options;
    const present = tokensOf(library);
    const found = present.filter(
      (one) =>
        (token === undefined || labelOf(one) === token) &&
        (serial === undefined || serialOf(one) === serial) &&
        (slot === undefined || numberOf(one.slot) === slot),
    );
    const [only, ...others] = found;
    if (only === undefined && lookAnew(library)) return this.#find(library);
    if (only === undefined) {
      throw new TamperError('UNAVAILABLE', `the PKCS#11 library ${module} shows no ${this.name}`, {
        hint: `It shows ${listOf(present.filter((one) => labelOf(one) !== ''))}. Check token, serial and slot.`,
        retryable: true,
      });
    }
    if (others.length === 0) return only;
    throw new TamperError('CONFIG_INVALID', `${found.length} PKCS#11 tokens answer to ${this.name}`, {
      hint: `Name one by its serial: ${listOf(found)}`,
    });
  }

  #drop(): void {
    if (this.#session !== undefined) closeQuietly(this.#session);
    this.#session = undefined;
  }
}

/** A slot whose token cannot be read is left out, as if there were none in it. */
function tokensOf(library: PKCS11): Found[] {
  return library.C_GetSlotList(true).flatMap((slot) => {
    try {
      return [{ slot, info: library.C_GetTokenInfo(slot) }];
    } catch (error) {
      if (returnValueOf(error) === undefined) throw error;
      return [];
    }
  });
}

const labelOf = ({ info }: Found): string => info.label.replace(/[ \0]+$/, '');
const serialOf = ({ info }: Found): string => info.serialNumber.replace(/[ \0]+$/, '');
const listOf = (all: readonly Found[]): string =>
  all.map((one) => `"${labelOf(one)}" (serial ${serialOf(one)}, slot ${numberOf(one.slot)})`).join(', ') || 'no token';

/** A CK_ULONG as pkcs11js gives it: its bytes. */
export function numberOf(bytes: Buffer): number {
  const ordered = endianness() === 'LE' ? Buffer.from(bytes).reverse() : bytes;
  return Number(`0x${ordered.toString('hex') || '0'}`);
}

function closeQuietly({ library, handle }: Session): void {
  try {
    library.C_CloseSession(handle);
  } catch (error) {
    if (returnValueOf(error) === undefined) throw error; // it is gone already
  }
}
