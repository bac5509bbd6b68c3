import { randomBytes } from 'node:crypto';
import { fstatSync, linkSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asError, isTamperError, systemCode, TamperError } from '../../errors.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';
import { fateOf, type ProcessIdentity, thisProcess } from '../../foundation/process-identity.ts';
import { openRegularSync } from '../../foundation/regular-file.ts';

/**
 * One verifier at a time changes a file of known checkpoints, or a verifier's state. A lock ends with its process: at once where that can be seen
 * from here, else when it has not been renewed for {@link LEASE}.
 */

/** In milliseconds. */
const LEASE = 30_000;
/** So long a verifier waits for another one, in milliseconds: it may be verifying while it holds the lock. */
const LONGEST_WAIT = 600_000;
const POLL = 25;
/** How often the time of the file system is asked for, in milliseconds: that makes a file on it. */
const PROBE = 1_000;
/** In bytes; no lock is longer. */
const LONGEST = 4_096;

interface Holder extends ProcessIdentity {
  readonly token: string;
  /** For people only. */
  readonly host: string;
}

function codeOf(error: unknown): string {
  const code = systemCode(error);
  if (code === '') throw error;
  return code;
}

function holderOf(text: string): Holder | undefined {
  try {
    return (JSON.parse(text) as Holder | null) ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // its holder was killed between making and filling it
    throw error;
  }
}

/** The text of a lock file. Only a regular file is read: a pipe in its place would block. */
function readLock(path: string): string {
  const { fd } = openRegularSync(path);
  try {
    const bytes = Buffer.alloc(LONGEST);
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  } finally {
    closeDescriptor(fd);
  }
}

/** Gives a lock the time of the file system that it is on, by writing its first byte again. */
function touch(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    writeWhole(fd, Buffer.from('{'));
  } finally {
    closeDescriptor(fd);
  }
}

/** What time it is on the file system of a lock, in milliseconds: our clock may be another one. */
function timeBeside(path: string): number {
  const probe = `${path}.${randomBytes(8).toString('hex')}`;
  const fd = openSync(probe, 'wx', 0o600);
  try {
    return fstatSync(fd).mtimeMs;
  } finally {
    closeDescriptor(fd);
    rmSync(probe, { force: true });
  }
}

function hasExpired(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || timeBeside(path) - stat.mtimeMs > LEASE;
}

/** What is locked, and how. */
interface Locked {
  /** As errors name it. Default: the file of known checkpoints. */
  readonly what: string;
  /** So long it is waited for, in milliseconds. Default: ten minutes. */
  readonly waitMs: number;
}

/** The lock of one file. */
export class KnownLock {
  readonly #path: string;
  readonly #what: string;
  readonly #token: string = randomBytes(8).toString('hex');
  readonly #me: ProcessIdentity = thisProcess();
  #renewal: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #probed = Number.NEGATIVE_INFINITY;

  private constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  /** Waits for the lock. @throws {@link TamperError} `LOCKED` where it stays another one's; `WRITE_FAILED` where none can be made */
  static async take(
    file: string,
    { what, waitMs }: Locked = { what: 'file of known checkpoints', waitMs: LONGEST_WAIT },
  ): Promise<KnownLock> {
    const lock = new KnownLock(`${file}.lock`, what);
    const until = Date.now() + waitMs;
    while (!lock.#create()) {
      const stale = lock.#breakIfStale();
      if (!stale && Date.now() > until) throw lock.#lost('is being changed by another verifier');
      await delay(POLL * (0.5 + Math.random()));
    }
    lock.#renewal = setInterval(() => lock.#renew(), LEASE / 4).unref();
    return lock;
  }

  /** @throws {@link TamperError} `LOCKED` where another verifier took the lock for that of a dead one */
  assertHeld(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isOurs()) throw this.#lost('was changed by another verifier meanwhile');
  }

  /** Removes what verifiers left that were killed while they waited. @throws what the system says */
  removeLeftovers(): void {
    const folder = dirname(this.#path);
    const left = new RegExp(`^${basename(this.#path)}[.][0-9a-f]{16}$`);
    for (const name of readdirSync(folder)) if (left.test(name)) rmSync(join(folder, name), { force: true });
  }

  /** A lock that cannot be removed now ends with this process. */
  release(): void {
    clearInterval(this.#renewal);
    try {
      if (this.#isOurs()) rmSync(this.#path, { force: true });
    } catch (error) {
      if (!isTamperError(error)) codeOf(error);
    }
  }

  #lost(what: string): TamperError {
    return new TamperError('LOCKED', `the ${this.#what} ${what} (lock ${this.#path})`, {
      hint: 'Run it again. If no other verifier is running on any host that has access to this file, delete the lock.',
    });
  }

  #read(): string {
    try {
      return readLock(this.#path);
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'ENOENT') return '';
      throw this.#unusable('read', code, cause);
    }
  }

  #unusable(action: 'create' | 'read' | 'replace', code: string, cause: unknown): TamperError {
    return new TamperError('WRITE_FAILED', `cannot ${action} the lock ${this.#path} (${code})`, {
      cause,
      hint: `The directory of the ${this.#what} must be writable, and only by those who verify.`,
    });
  }

  #isOurs(): boolean {
    return holderOf(this.#read())?.token === this.#token;
  }

  /** A timer has no caller: what fails here is thrown by {@link KnownLock.assertHeld}, which is called before anything is written. */
  #renew(): void {
    try {
      if (this.#isOurs()) touch(this.#path);
    } catch (error) {
      if (!isTamperError(error) && systemCode(error) === '') this.#failure = asError(error);
    }
  }

  #create(): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path, 'wx', 0o600);
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'EEXIST') return false;
      throw this.#unusable('create', code, cause);
    }
    try {
      writeWhole(fd, Buffer.from(`${JSON.stringify({ token: this.#token, host: hostname(), ...this.#me })}\n`));
    } finally {
      closeDescriptor(fd);
    }
    return true;
  }

  /** Takes a stale lock out of the way; another verifier's new one, taken by mistake, is put back. @returns whether it was stale */
  #breakIfStale(): boolean {
    const stale = this.#read();
    if (!this.#isStale(stale)) return false;
    const aside = `${this.#path}.${this.#token}`;
    try {
      renameSync(this.#path, aside);
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'ENOENT') return true;
      throw this.#unusable('replace', code, cause);
    }
    try {
      if (readLock(aside) !== stale) linkSync(aside, this.#path);
    } catch (error) {
      // a third one was faster, or has removed it: the second asks before it writes
      if (!['EEXIST', 'ENOENT'].includes(codeOf(error))) throw error;
    } finally {
      rmSync(aside, { force: true });
    }
    return true;
  }

  #isStale(text: string): boolean {
    const holder = holderOf(text);
    const fate = holder === undefined ? 'not seen' : fateOf(holder, this.#me);
    if (fate !== 'not seen') return fate === 'ended';
    if (performance.now() - this.#probed < PROBE) return false;
    this.#probed = performance.now();
    try {
      return hasExpired(this.#path);
    } catch (cause) {
      throw this.#unusable('replace', codeOf(cause), cause);
    }
  }
}
