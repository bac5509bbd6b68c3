import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { TamperError } from '../errors.ts';
import { systemCode } from './sink.ts';

/** Who holds a lock. */
interface Holder {
  readonly instance: string;
  readonly host: string;
  readonly boot: string;
  /** The process id's name space: containers on one host each have their own. */
  readonly space: string;
  readonly pid: number;
  readonly started: string;
}

/** Where a holder's process cannot be seen from here, its lock ends so long after it was last renewed, in milliseconds. */
const LEASE = 60_000;
/** How often a holder renews its lock, in milliseconds. */
export const LOCK_RENEWAL: number = LEASE / 4;

function readOr(path: string, absent: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return absent; // not a Linux
  }
}

/** When a process started, in the kernel's ticks; empty where the system does not say. */
function startOf(pid: number | 'self'): string {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function spaceOf(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return '';
  }
}

function self(instance: string): Holder {
  return {
    instance,
    host: hostname(),
    boot: readOr('/proc/sys/kernel/random/boot_id', ''),
    space: spaceOf(),
    pid: process.pid,
    started: startOf('self'),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
    if (systemCode(error) === 'EPERM') return true;
    throw error;
  }
}

/** Keeps two writers from one stream (spec 6). A lock counts as stale only where its holder provably runs no more. */
export class Lock {
  readonly #path: string;
  readonly #instance: string;

  private constructor(path: string, instance: string) {
    this.#path = path;
    this.#instance = instance;
  }

  /** @throws {@link TamperError} `LOCKED`; `WRITE_FAILED` where the lock cannot be made */
  static take(path: string, instance: string): Lock {
    const me = self(instance);
    const lock = new Lock(path, instance);
    if (lock.#create(me)) return lock;
    const text = readOr(path, '');
    if (!isStale(text, me, path)) throw held(path, text);
    lock.#remove(text);
    if (lock.#create(me)) return lock;
    throw held(path, readOr(path, ''));
  }

  /** Says that we still hold it. @throws {@link TamperError} `LOCKED` where somebody else does */
  renew(): void {
    if (!this.#isOurs()) throw held(this.#path, readOr(this.#path, ''));
    const now = new Date();
    utimesSync(this.#path, now, now);
  }

  release(): void {
    if (this.#isOurs()) unlinkSync(this.#path);
  }

  #isOurs(): boolean {
    return holderOf(readOr(this.#path, ''))?.instance === this.#instance;
  }

  #create(me: Holder): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path, 'wx', 0o600);
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return false;
      throw new TamperError('WRITE_FAILED', `cannot make the lock ${this.#path} (${systemCode(cause)})`, {
        cause,
        hint: 'state_dir must be writable.',
      });
    }
    try {
      writeSync(fd, `${JSON.stringify(me)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return true;
  }

  /** Takes the stale lock out of the way; another starter's new one, taken by mistake, is put back. */
  #remove(stale: string): void {
    const aside = `${this.#path}.stale-${this.#instance}`;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    if (readOr(aside, '') !== stale) linkSync(aside, this.#path);
    unlinkSync(aside);
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // its holder was killed between making and filling it
    throw error;
  }
}

function isStale(text: string, me: Holder, path: string): boolean {
  const holder = holderOf(text);
  if (holder === undefined) return isExpired(path);
  if (holder.host !== me.host) return false;
  if (holder.boot !== me.boot) return true;
  if (holder.pid === me.pid && holder.started !== me.started) return true;
  if (holder.space !== me.space) return isExpired(path);
  return !isRunning(holder.pid) || startOf(holder.pid) !== holder.started;
}

function isExpired(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || Date.now() - stat.mtimeMs > LEASE;
}

function held(path: string, text: string): TamperError {
  const holder = holderOf(text);
  const who = holder === undefined ? 'another writer' : `process ${holder.pid} on ${holder.host}`;
  return new TamperError('LOCKED', `the stream is being written by ${who} (lock ${path})`, {
    hint: 'Give each process its own file and origin with {pid} or {instance}. If that process has ended for certain, delete the lock file.',
  });
}
