import {
  type BigIntStats,
  constants,
  fstatSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TamperError } from '../../errors.ts';
import { closeDescriptor, writeWhole } from '../../foundation/descriptor.ts';
import { type Holder, hasEnded, readHolder, thisHolder } from './lock-holder.ts';
import { openRegular } from './safe-open.ts';
import { isPassing, systemCode } from './sink.ts';

/** How long a lock lives that is not renewed, in milliseconds. */
const LEASE = 10_000;
/** The part of a lease after which its holder makes sure, before it writes, that nobody has taken over. */
const SAFE = 0.75;
/** The part of a lease after which its holder renews it. */
const RENEWAL = 0.25;
/** How often a starter looks at a lock that it waits for, as a part of a lease. */
const LOOK = 0.05;
/** A starter that looks after more pauses than that was held up. */
const HELD_UP = 10;
/** What a file system answers that has no hard links. */
export const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);
const { O_CREAT, O_EXCL, O_RDWR } = constants;

/** What may not be done by whoever is no longer the stream's one writer. */
export interface Lease {
  /** @throws {@link TamperError} `LOCKED` where another writer may have taken over; `WRITE_FAILED` where that cannot be told */
  assertHeld(): void;
}

/** How locks see time, and who they take us for. For tests; the defaults are the system's. */
export interface LockSettings {
  /** Milliseconds. Default 10,000. */
  readonly lease?: number;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonic?: () => number;
  /** Wall time in milliseconds. It may jump: no decision rests on it, but a jump makes a holder look. */
  readonly wall?: () => number;
  readonly me?: Partial<Holder>;
  /** The instances whose locks this thread holds: they need not be watched to know that they live. */
  readonly living?: Set<string>;
}

type Surroundings = Required<Omit<LockSettings, 'me'>>;

/** The same moment on both clocks. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function momentOf({ monotonic, wall }: Surroundings): Moment {
  return { monotonic: monotonic(), wall: wall() };
}

/** A lock file as it was seen. */
interface Seen {
  readonly path: string;
  readonly number: number;
  readonly file: BigIntStats;
  readonly holder: Holder | undefined;
  /** Changes whenever its holder renews it. */
  readonly print: string;
}

/** What a starter remembers of a lock file that it waits for. */
interface Watched {
  readonly print: string;
  since: number;
  looked: number;
}

const livingHere = new Set<string>();

/**
 * Keeps two writers from one stream (spec 6, M6.6). A lock is a file `<name>.<number>.lock` that its holder renews. Who
 * starts takes over where the holder has provably ended, or where the file has not changed for a lease, as seen by the
 * starter's own monotonic clock: it makes the file of the next number, which only one can. A holder whose last renewal is
 * too old makes that file itself before it writes on, so that it and a starter exclude each other too. Clocks of different
 * machines are never compared.
 */
export class Lock implements Lease {
  readonly #prefix: string;
  readonly #around: Surroundings;
  readonly #holder: Holder;
  #fd: number;
  #number: number;
  #renewed: Moment;
  #stamp = 0;
  #released = false;

  constructor(prefix: string, holder: Holder, around: Surroundings, fd: number, number: number, begun: Moment) {
    this.#prefix = prefix;
    this.#holder = holder;
    this.#around = around;
    this.#fd = fd;
    this.#number = number;
    this.#renewed = begun;
    around.living.add(holder.instance);
  }

  /** Says that we go on. Where that is impossible for now the next write makes sure. @throws {@link TamperError} `LOCKED` */
  renew(): void {
    const begun = momentOf(this.#around);
    try {
      this.assertHeld();
      // a value of its own each time, whatever the clock does
      this.#stamp = Math.max(begun.wall, this.#stamp + 2_000);
      futimesSync(this.#fd, this.#stamp / 1000, this.#stamp / 1000);
    } catch (error) {
      if (isPassing(error, 'run')) return;
      throw systemCode(error) === 'ESTALE' ? this.#lost(error) : error;
    }
    this.#renewed = begun;
  }

  assertHeld(): void {
    if (this.#released || this.#isRemoved()) throw this.#lost();
    const safe = this.#around.lease * SAFE;
    const now = momentOf(this.#around);
    const late = now.wall - this.#renewed.wall; // goes on while the machine sleeps, where the other may stand still
    if (now.monotonic - this.#renewed.monotonic < safe && late >= 0 && late < safe) return;
    this.#claimAgain();
  }

  /** Gives the lock up; nothing where somebody else has it. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#around.living.delete(this.#holder.instance);
    try {
      const path = pathOf(this.#prefix, this.#number);
      const there = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (there !== undefined && isSame(there, fstatSync(this.#fd, { bigint: true }))) removeIfThere(path);
    } finally {
      closeDescriptor(this.#fd);
    }
  }

  #isRemoved(): boolean {
    try {
      return fstatSync(this.#fd).nlink === 0;
    } catch (cause) {
      if (systemCode(cause) === 'ESTALE') return true; // as NFS says it
      throw this.#unknown(cause);
    }
  }

  /** A starter may have found our lease to have ended: the next number goes to one of us. */
  #claimAgain(): void {
    const begun = momentOf(this.#around);
    const before = pathOf(this.#prefix, this.#number);
    const next = pathOf(this.#prefix, this.#number + 1);
    try {
      if (!link(this.#fd, before, next)) throw this.#lost();
    } catch (cause) {
      if (cause instanceof TamperError) throw cause;
      if (systemCode(cause) === 'ENOENT') throw this.#lost(cause);
      if (!NO_LINKS.has(systemCode(cause))) throw this.#unknown(cause);
      this.#moveTo(next);
    }
    removeIfThere(before);
    this.#number++;
    this.#renewed = begun;
  }

  /** As a link, where the file system has none. */
  #moveTo(next: string): void {
    const fd = makeFile(next, this.#holder);
    if (fd === undefined) throw this.#lost();
    closeDescriptor(this.#fd);
    this.#fd = fd;
  }

  #lost(cause?: unknown): TamperError {
    return new TamperError('LOCKED', `the lock ${this.#prefix}.lock now belongs to another writer, or was removed`, {
      cause,
      hint: 'This process was suspended for longer than its lock lasts, or its lock was removed. Lines not yet written were kept.',
    });
  }

  #unknown(cause: unknown): TamperError {
    return new TamperError('WRITE_FAILED', `cannot renew the lock ${this.#prefix}.lock (${systemCode(cause)})`, {
      cause,
      hint: 'state_dir must be writable.',
    });
  }
}

/** A start that wants a lock, and may have to wait until it is sure that its last holder has ended. */
export class LockSeeker {
  readonly #prefix: string;
  readonly #me: Holder;
  readonly #around: Surroundings;
  #watched = new Map<string, Watched>();

  /** @param prefix - the lock files' path up to their number */
  constructor(prefix: string, instance: string, settings: LockSettings = {}) {
    const { lease = LEASE, monotonic = () => performance.now(), wall = () => Date.now(), me } = settings;
    this.#prefix = prefix;
    this.#around = { lease, monotonic, wall, living: settings.living ?? livingHere };
    this.#me = { ...thisHolder(instance, lease), ...me };
  }

  /** How long after a renewal of the lock the next one is due, in milliseconds. */
  get renewal(): number {
    return this.#around.lease * RENEWAL;
  }

  /** When to try again, in milliseconds. */
  get pause(): number {
    return Math.max(1, this.#around.lease * LOOK);
  }

  /**
   * Takes the lock.
   *
   * @returns undefined where its holder may live: try again after {@link LockSeeker.pause}
   * @throws {@link TamperError} `LOCKED` as soon as the holder was seen to live; `WRITE_FAILED` where no lock can be made
   */
  attempt(): Lock | undefined {
    const found = locksOf(this.#prefix);
    const living = found.filter((one) => !this.#hasExpired(one));
    const watched = new Set(living.map(({ path }) => path));
    for (const path of this.#watched.keys()) if (!watched.has(path)) this.#watched.delete(path);
    return living.length > 0 ? undefined : this.#claim(found);
  }

  /** Takes the lock from whoever has it, who stops at the next look. @returns undefined where another one was quicker */
  force(): Lock | undefined {
    return this.#claim(locksOf(this.#prefix));
  }

  #hasExpired(one: Seen): boolean {
    const { holder, path, print, file } = one;
    if (holder !== undefined) {
      if (this.#around.living.has(holder.instance)) throw heldBy(one);
      if (hasEnded(holder, this.#me, file)) return true;
    }
    const now = this.#around.monotonic();
    const lease = holder === undefined ? this.#around.lease : holder.lease_ms;
    const watched = this.#watched.get(path);
    if (watched !== undefined && watched.print !== print) throw heldBy(one); // renewed while we looked
    if (watched === undefined) {
      this.#watched.set(path, { print, since: now, looked: now });
      return false;
    }
    if (now - watched.looked > HELD_UP * this.pause) watched.since = now; // and so may its holder have been
    watched.looked = now;
    return now - watched.since >= lease;
  }

  /** @param dead - lock files whose holders have ended */
  #claim(dead: readonly Seen[]): Lock | undefined {
    const number = Math.max(0, ...dead.map((one) => one.number)) + 1;
    const begun = momentOf(this.#around);
    const fd = this.#make(number);
    if (fd === undefined) return undefined;
    const path = pathOf(this.#prefix, number);
    const known = new Map(dead.map((one) => [one.path, one.print]));
    let isOurs = false;
    try {
      // two who saw different files may have made different numbers: whoever sees another one gives way
      isOurs = !locksOf(this.#prefix).some((one) => one.path !== path && known.get(one.path) !== one.print);
      if (isOurs) for (const one of dead) removeIfThere(one.path);
    } catch (error) {
      isOurs = false;
      throw error;
    } finally {
      if (!isOurs) giveUp(path, fd);
    }
    return isOurs ? new Lock(this.#prefix, this.#me, this.#around, fd, number, begun) : undefined;
  }

  /** The lock file appears whole, so that nobody finds one that names no holder. */
  #make(number: number): number | undefined {
    const path = pathOf(this.#prefix, number);
    const temporary = `${this.#prefix}.lock.${this.#me.instance}.tmp`;
    let fd: number | undefined;
    try {
      fd = makeFile(temporary, this.#me);
      if (fd === undefined) return undefined;
      if (link(fd, temporary, path)) return fd;
      closeDescriptor(fd);
      return undefined;
    } catch (cause) {
      if (fd !== undefined) closeDescriptor(fd);
      if (systemCode(cause) === 'ENOENT') return undefined; // the holder removed it, with what dead starters had left
      if (fd === undefined || !NO_LINKS.has(systemCode(cause))) throw cannotMake(path, cause);
    } finally {
      removeLater(temporary);
    }
    try {
      return makeFile(path, this.#me);
    } catch (cause) {
      throw cannotMake(path, cause);
    }
  }
}

/** Who holds the lock of a stream, as far as one look shows it; for people. @param prefix - as {@link LockSeeker} has it */
export function holderSeen(prefix: string): Holder | undefined {
  const me = thisHolder('', LEASE);
  const isAlive = ({ holder, file }: Seen): boolean =>
    holder !== undefined && !hasEnded(holder, me, file) && Date.now() - Number(file.mtimeMs) < holder.lease_ms;
  return locksOf(prefix).find(isAlive)?.holder;
}

function locksOf(path: string): Seen[] {
  const directory = dirname(path);
  const prefix = basename(path);
  const seen: Seen[] = [];
  for (const name of readdirSync(directory)) {
    const match = name.startsWith(prefix) ? /^(?:\.(\d{1,15}))?\.lock$/.exec(name.slice(prefix.length)) : null;
    const one = match && see(join(directory, name), Number(match[1] ?? 0));
    if (one) seen.push(one);
  }
  return seen;
}

function pathOf(prefix: string, number: number): string {
  return `${prefix}.${number}.lock`;
}

/** Opening it anew brings what a network file system holds back. */
function see(path: string, number: number): Seen | undefined {
  let fd: number;
  try {
    fd = openRegular(path);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined; // given up just now
    if (cause instanceof TamperError) throw cause;
    throw new TamperError('READ_FAILED', `cannot read the lock ${path} (${systemCode(cause)})`, { cause });
  }
  try {
    const file = fstatSync(fd, { bigint: true });
    const text = readFileSync(fd, 'utf8');
    return { path, number, file, holder: readHolder(text), print: `${file.ino} ${file.mtimeNs} ${text}` };
  } finally {
    closeDescriptor(fd);
  }
}

/** @returns an open file with what a holder says of itself; undefined where there is one already */
function makeFile(path: string, holder: Holder): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return undefined;
    throw cause;
  }
  try {
    writeWhole(fd, Buffer.from(`${JSON.stringify(holder)}\n`));
    fsyncSync(fd);
    return fd;
  } catch (cause) {
    closeDescriptor(fd);
    removeIfThere(path);
    throw cause;
  }
}

/** Gives an open file a second name. @returns false where that name is taken */
function link(fd: number, from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw cause;
    // a network file system may have lost the answer to a request that was carried out, and sent it again
    const there = lstatSync(to, { bigint: true, throwIfNoEntry: false });
    return there !== undefined && isSame(there, fstatSync(fd, { bigint: true }));
  }
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
  }
}

/** What cannot be removed now goes at a start that can: nobody takes it for a lock. */
function removeLater(temporary: string): void {
  try {
    removeIfThere(temporary);
  } catch (cause) {
    if (systemCode(cause) === '') throw cause;
  }
}

/** Gives up a lock file that was made just now. */
function giveUp(path: string, fd: number): void {
  try {
    removeIfThere(path);
  } finally {
    closeDescriptor(fd);
  }
}

function cannotMake(path: string, cause: unknown): TamperError {
  return new TamperError('WRITE_FAILED', `cannot create the lock ${path} (${systemCode(cause)})`, {
    cause,
    hint: 'state_dir must be writable and have free space.',
  });
}

function heldBy({ holder, path }: Seen): TamperError {
  const who = holder === undefined ? 'another writer' : `process ${holder.pid} on ${holder.host}`;
  return new TamperError('LOCKED', `the stream is being written by ${who} (lock ${path})`, {
    hint: 'Give each process its own file and origin with {pid} or {instance}. A lock expires by itself once its holder has ended.',
  });
}
