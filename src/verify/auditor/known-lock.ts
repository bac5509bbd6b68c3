import { randomBytes } from 'node:crypto';
import {
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode, TamperError } from '../../errors.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';

/**
 * One verifier at a time changes a file of known checkpoints, or a verifier's state. A lock ends with its process: at once where that can be seen
 * from here, else when it has not been renewed for {@link LEASE}.
 */

/** In milliseconds. */
const LEASE = 30_000;
/** So long a verifier waits for another one, in milliseconds: it may be verifying while it holds the lock. */
const LONGEST_WAIT = 600_000;
const POLL = 25;

interface Holder {
  readonly token: string;
  readonly host: string;
  readonly boot: string;
  /** Process ids count within a name space: containers on one host each have their own. */
  readonly space: string;
  readonly pid: number;
  readonly started: string;
}

function codeOf(error: unknown): string {
  const code = systemCode(error);
  if (code === '') throw error;
  return code;
}

/** What the system says of itself there; empty where it has no such file. */
function systemText(read: () => string): string {
  try {
    return read().trim();
  } catch (error) {
    codeOf(error);
    return '';
  }
}

function startOf(pid: number | 'self'): string {
  const stat = systemText(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function self(token: string): Holder {
  return {
    token,
    host: hostname(),
    boot: systemText(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    space: systemText(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    started: startOf('self'),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder | undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // its holder was killed between making and filling it
    throw error;
  }
}

function isStale(text: string, path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || Date.now() - stat.mtimeMs > LEASE) return true;
  const holder = holderOf(text);
  const me = self('');
  if (typeof holder?.pid !== 'number' || holder.host !== me.host || holder.space !== me.space) return false;
  if (holder.boot !== me.boot) return true;
  return !isRunning(holder.pid) || startOf(holder.pid) !== holder.started;
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
  #renewal: NodeJS.Timeout | undefined;

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
    if (!this.#isOurs()) throw this.#lost('was changed by another verifier meanwhile');
  }

  release(): void {
    clearInterval(this.#renewal);
    if (this.#isOurs()) rmSync(this.#path, { force: true });
  }

  #lost(what: string): TamperError {
    return new TamperError('LOCKED', `the ${this.#what} ${what} (lock ${this.#path})`, {
      hint: 'Run it again. If no other verifier is running on any host that has access to this file, delete the lock.',
    });
  }

  #read(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  }

  #isOurs(): boolean {
    return holderOf(this.#read())?.token === this.#token;
  }

  #renew(): void {
    if (!this.#isOurs()) return; // whoever goes on asks before it writes
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  #create(): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path, 'wx', 0o600);
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'EEXIST') return false;
      throw new TamperError('WRITE_FAILED', `cannot make the lock ${this.#path} (${code})`, {
        cause,
        hint: `The directory of the ${this.#what} must be writable.`,
      });
    }
    try {
      writeWhole(fd, Buffer.from(`${JSON.stringify(self(this.#token))}\n`));
    } finally {
      closeDescriptor(fd);
    }
    return true;
  }

  /** Takes a stale lock out of the way; another verifier's new one, taken by mistake, is put back. @returns whether it was stale */
  #breakIfStale(): boolean {
    const stale = this.#read();
    if (!isStale(stale, this.#path)) return false;
    const aside = `${this.#path}.${this.#token}`;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return true;
      throw error;
    }
    try {
      if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, this.#path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error; // a third one was faster: the second asks before it writes
    } finally {
      unlinkSync(aside);
    }
    return true;
  }
}
