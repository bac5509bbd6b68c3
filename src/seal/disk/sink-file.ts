import {
  type BigIntStats,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { isTamperError, TamperError } from '../../errors.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { Replaced } from '../../foundation/file-identity.ts';
import type { Lease } from './lock.ts';
import { openRegular } from './safe-open.ts';
import { isPassing, type Obstacle, type Sink, systemCode } from './sink.ts';

const LF = 0x0a;
/** New files: readable by the group, as log shippers need it. */
const FILE_MODE = 0o640;
const datasync = promisify(fdatasync);
const { O_APPEND, O_CREAT, O_RDWR } = constants;

/** What a {@link FileSink} is opened with. */
export interface FileSinkOptions {
  /** Of the stream's writer: nobody else may write. */
  readonly lease: Lease;
  /** The file that the new one follows: refuse one that holds something. */
  readonly after?: Sink;
  /** How many bytes the file was found to hold, 0 if it was not there: refuse another one, which was out of sight then. */
  readonly holds?: number;
}

/** A sealed file. Only ever appended to; cut back only by what could not be written whole. */
export class FileSink implements Sink {
  readonly #fd: number;
  readonly #lease: Lease;
  readonly #identity: Pick<BigIntStats, 'dev' | 'ino'>;
  #name: string;
  #size: number;
  #obstacle: Obstacle | undefined;
  #closing = false;
  #closed = false;
  #syncing = 0;
  /** Whether half of a line may stand behind {@link FileSink.size}. */
  #isTorn = false;
  /** Another file has its name. */
  #isNameless = false;

  /**
   * Opens a file, and makes it where it is not there. No symbolic link is followed.
   *
   * @throws {@link TamperError} `WRITE_FAILED`, also where it should be empty and is not; `UNSAFE_PATH`
   */
  constructor(path: string, { lease, after, holds }: FileSinkOptions) {
    this.#name = path;
    this.#lease = lease;
    try {
      this.#fd = openRegular(path, O_RDWR | O_CREAT | O_APPEND, FILE_MODE);
    } catch (cause) {
      if (isTamperError(cause)) throw cause;
      throw new TamperError('WRITE_FAILED', `cannot open ${path} for writing (${systemCode(cause)})`, {
        cause,
        hint: 'Check that its directory exists and that this user may write there.',
      });
    }
    let isTaken = false;
    try {
      const { dev, ino, size } = fstatSync(this.#fd, { bigint: true });
      this.#identity = { dev, ino };
      this.#size = Number(size);
      if (after !== undefined && this.#size > 0) throw this.#isTaken(after);
      if (holds !== undefined && this.#size !== holds) throw this.#isAnother(holds);
      if (after instanceof FileSink && after.#name === path) after.#isNameless = true;
      isTaken = true;
    } finally {
      if (!isTaken) closeDescriptor(this.#fd);
    }
  }

  /** A volume that comes back between two looks, or somebody who writes: either is seen by the next attempt. */
  #isAnother(holds: number): TamperError {
    const cause = new Replaced(`${this.#name} was out of sight for a moment`);
    return new TamperError('WRITE_FAILED', `${this.#name} has ${this.#size} bytes, and was found with ${holds}`, {
      cause,
    });
  }

  /** It is renamed once that can be seen, or the next file gets another name. */
  #isTaken(after: Sink): TamperError {
    const what = after.inode === this.inode ? 'is still the file that has ended' : 'should be empty, and is not';
    const cause = new Replaced(`${this.#name} was out of sight for a moment`);
    return new TamperError('WRITE_FAILED', `${this.#name} ${what}`, { cause });
  }

  get name(): string {
    return this.#name;
  }

  get inode(): string {
    return this.#identity.ino.toString();
  }

  /** False once somebody has renamed, replaced or deleted it. */
  get inPlace(): boolean {
    if (this.#isNameless) return false; // a third one may have its number by now
    const there = lstatSync(this.#name, { bigint: true, throwIfNoEntry: false });
    return there?.ino === this.#identity.ino && there.dev === this.#identity.dev;
  }

  get maybeInPlace(): boolean {
    try {
      return this.inPlace;
    } catch (error) {
      if (!isPassing(error, 'run')) throw error;
      return true;
    }
  }

  /** Gives the file another name; nothing where it has that already. @throws {@link TamperError} `WRITE_FAILED` */
  rename(to: string): void {
    if (to === this.#name) return;
    try {
      renameSync(this.#name, to);
    } catch (cause) {
      throw new TamperError('WRITE_FAILED', `cannot rename ${this.#name} to ${to} (${systemCode(cause)})`, { cause });
    }
    this.#name = to;
  }

  get size(): number {
    return this.#size;
  }

  get obstacle(): Obstacle | undefined {
    return this.#obstacle;
  }

  /**
   * @throws {@link TamperError} `FOREIGN_WRITE` where the file is not as we left it; `LOCKED` where another writer may have
   * taken over (spec 6, M6.6)
   */
  write(bytes: Buffer, start: number, end: number): number {
    if (!this.#mayWrite() || !this.isWhole()) return 0;
    let at = start;
    try {
      while (at < end) at += writeSync(this.#fd, bytes, at, end - at); // short writes go on
    } catch (cause) {
      return this.#interrupted(bytes, start, at, cause);
    }
    this.#size += at - start;
    return at - start;
  }

  async datasync(): Promise<void> {
    this.#syncing++;
    try {
      await datasync(this.#fd);
    } catch (cause) {
      throw this.#notDurable(cause);
    } finally {
      this.#syncing--;
      if (this.#closing) this.#closeWhenIdle();
    }
  }

  datasyncSync(): void {
    try {
      fdatasyncSync(this.#fd);
    } catch (cause) {
      throw this.#notDurable(cause);
    }
  }

  syncSync(): void {
    try {
      fsyncSync(this.#fd);
    } catch (cause) {
      throw this.#notDurable(cause);
    }
  }

  close(): void {
    this.#closing = true;
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#syncing > 0 || this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#fd);
  }

  #notDurable(cause: unknown): TamperError {
    return new TamperError(
      'WRITE_FAILED',
      `${this.#name} could not be brought to the disk (${systemCode(cause)}): its last lines may be lost in a power cut`,
      // not the failure itself: what is not to be tried again must not look like what may pass
      {
        cause: new Error('fsync failed', { cause }),
        hint: 'Look at the disk or the volume. The next start goes on from what it finds there.',
      },
    );
  }

  /** Does what may be refused for a while. @returns whether it was done; else there is an {@link Obstacle} */
  #unlessRefused(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (isPassing(error, 'run')) {
        this.#obstacle = { kind: 'full', cause: this.#refused(error) };
        return false;
      }
      throw this.#refused(error);
    }
  }

  #refused(error: unknown): TamperError {
    if (isTamperError(error)) return error;
    return new TamperError('WRITE_FAILED', `cannot write to ${this.#name} (${systemCode(error)})`, { cause: error });
  }

  #mayWrite(): boolean {
    return this.#unlessRefused(() => this.#lease.assertHeld());
  }

  isWhole(): boolean {
    const isWhole = this.#unlessRefused(() => {
      this.#guard(); // first: to cut a file that somebody has emptied would fill it with zeros
      if (this.#isTorn) this.#cut();
    });
    if (isWhole) this.#obstacle = undefined;
    return isWhole;
  }

  #guard(): void {
    const { size, nlink } = fstatSync(this.#fd);
    if ((size === this.#size || (this.#isTorn && size > this.#size)) && nlink > 0) return;
    this.#lease.assertHeld(); // where another writer has taken over since the look at the lock, it is the lock that is lost
    if (nlink === 0) throw foreignWrite(`${this.#name} was deleted`);
    if (size > this.#size) throw foreignWrite(`${this.#name} has ${size} bytes where we left ${this.#size}`);
    throw foreignWrite(
      `${this.#name} was cut to ${size} bytes where we left ${this.#size}, as logrotate's copytruncate does`,
    );
  }

  /** Cuts the file back to the last whole line, so that a reader never sees half of one (spec 6). */
  #interrupted(bytes: Buffer, start: number, at: number, cause: unknown): number {
    const code = systemCode(cause);
    if (code === 'EAGAIN') {
      this.#obstacle = { kind: 'busy', cause: cause as Error };
      this.#size += at - start;
      return at - start;
    }
    if (!isPassing(cause, 'run')) throw this.#refused(cause);
    this.#obstacle = { kind: 'full', cause: cause as Error };
    const whole = at > start ? bytes.lastIndexOf(LF, at - 1) + 1 : start;
    const kept = Math.max(whole, start) - start;
    this.#size += kept;
    this.#isTorn = true; // a failed write may have left bytes that it did not report
    this.#unlessRefused(() => this.#cut());
    return kept;
  }

  #cut(): void {
    this.#lease.assertHeld();
    ftruncateSync(this.#fd, this.#size);
    this.#isTorn = false;
  }
}

function foreignWrite(what: string): TamperError {
  return new TamperError('FOREIGN_WRITE', `${what}: something else is changing this file`, {
    hint: 'One stream has one writer. Give each process its own file ({pid}, {instance}); rotate with this package (rotate_max_bytes), or let logrotate rename the file and send SIGHUP.',
  });
}
