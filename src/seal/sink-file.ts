import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { TamperError } from '../errors.ts';
import { isPassing, type Obstacle, type Sink, systemCode } from './sink.ts';

const LF = 0x0a;
/** New files: readable by the group, as log shippers need it. */
const FILE_MODE = 0o640;
const datasync = promisify(fdatasync);
const { O_APPEND, O_CREAT, O_EXCL, O_RDWR } = constants;

/** A sealed file. Only ever appended to; cut back only by what could not be written whole. */
export class FileSink implements Sink {
  readonly name: string;
  readonly #fd: number;
  #size: number;
  #obstacle: Obstacle | undefined;
  #closing = false;
  #closed = false;
  #syncing = 0;

  /**
   * Opens a file, and makes it where it is not there.
   *
   * @param exclusive - refuse a file that is there already
   * @throws {@link TamperError} `WRITE_FAILED`
   */
  constructor(path: string, exclusive = false) {
    this.name = path;
    try {
      this.#fd = openSync(path, O_RDWR | O_CREAT | O_APPEND | (exclusive ? O_EXCL : 0), FILE_MODE);
    } catch (cause) {
      throw new TamperError('WRITE_FAILED', `cannot open ${path} for writing (${systemCode(cause)})`, {
        cause,
        hint: 'Check that its directory exists and that this user may write there.',
      });
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new TamperError('WRITE_FAILED', `${path} is not a regular file`, {
        hint: 'Name a file, or - for standard output.',
      });
    }
    this.#size = stat.size;
  }

  get size(): number {
    return this.#size;
  }

  get obstacle(): Obstacle | undefined {
    return this.#obstacle;
  }

  /** @throws {@link TamperError} `FOREIGN_WRITE` where the file is not as we left it (spec 6, M6.6) */
  write(bytes: Buffer, start: number, end: number): number {
    this.#guard();
    let at = start;
    try {
      while (at < end) at += writeSync(this.#fd, bytes, at, end - at); // short writes go on
    } catch (cause) {
      return this.#interrupted(bytes, start, at, cause);
    }
    this.#obstacle = undefined;
    this.#size += at - start;
    return at - start;
  }

  async datasync(): Promise<void> {
    this.#syncing++;
    try {
      await datasync(this.#fd);
    } finally {
      this.#syncing--;
      if (this.#closing) this.#closeWhenIdle();
    }
  }

  datasyncSync(): void {
    fdatasyncSync(this.#fd);
  }

  syncSync(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    this.#closing = true;
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#syncing > 0 || this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #guard(): void {
    const { size, nlink } = fstatSync(this.#fd);
    if (size === this.#size && nlink > 0) return;
    const what = nlink === 0 ? 'was deleted' : `has ${size} bytes where we left ${this.#size}`;
    throw new TamperError('FOREIGN_WRITE', `${this.name} ${what}: somebody else changes this file`, {
      hint: 'One stream has one writer. Give each process its own file ({pid}, {instance}); rotate with this package, not with logrotate.',
    });
  }

  /** Cuts the file back to the last whole line, so that a reader never sees half of one (spec 6). */
  #interrupted(bytes: Buffer, start: number, at: number, cause: unknown): number {
    const code = systemCode(cause);
    if (code === 'EAGAIN') {
      this.#obstacle = { kind: 'busy', cause: cause as Error };
      this.#size += at - start;
      return at - start;
    }
    if (!isPassing(cause)) {
      throw new TamperError('WRITE_FAILED', `cannot write to ${this.name} (${code})`, { cause });
    }
    this.#obstacle = { kind: 'full', cause: cause as Error };
    const whole = at > start ? bytes.lastIndexOf(LF, at - 1) + 1 : start;
    const kept = Math.max(whole, start) - start;
    // a failed write may have left bytes that it did not report
    ftruncateSync(this.#fd, this.#size + kept);
    this.#size += kept;
    return kept;
  }
}
