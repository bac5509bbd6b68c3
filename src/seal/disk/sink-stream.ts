import { fdatasyncSync, fstatSync, readFileSync, type Stats, writeSync } from 'node:fs';
import { TamperError } from '../../errors.ts';
import { isPassing, type Obstacle, type Sink, systemCode } from './sink.ts';

const STDOUT_FD = 1;

/** `/dev/null` on Linux: major 1, minor 3. */
const NULL_DEVICE = 0x103;

/** Node.js opens the null device for reading and writing (2) in the place of a standard output that it was not given; a shell's `>/dev/null` is for writing. */
function wasClosed({ rdev }: Stats): boolean {
  if (process.platform !== 'linux' || rdev !== NULL_DEVICE) return false;
  return /^flags:\s+\d*2$/m.test(readFileSync(`/proc/self/fdinfo/${STDOUT_FD}`, 'latin1'));
}

/** A sink that cannot be read again or cut: standard output, a pipe, a terminal. */
export class StreamSink implements Sink {
  readonly name = '-';
  readonly inPlace = true;
  readonly maybeInPlace = true;
  readonly inode = '';
  readonly #fd: number;
  readonly #regular: boolean;
  #size = 0;
  #obstacle: Obstacle | undefined;

  /**
   * @param fd - an open file descriptor; 1 is standard output. It stays open.
   * @throws {@link TamperError} `WRITE_FAILED` where this process was started with standard output closed
   */
  constructor(fd: number) {
    this.#fd = fd;
    const stats = fstatSync(fd);
    if (fd === STDOUT_FD) {
      if (wasClosed(stats)) {
        throw new TamperError('WRITE_FAILED', 'standard output is closed, so that every sealed line would be lost', {
          hint: 'Give --out a file, or let standard output lead to whatever keeps the log.',
        });
      }
      makeNonBlocking();
    }
    this.#regular = stats.isFile();
  }

  get size(): number {
    return this.#size;
  }

  get obstacle(): Obstacle | undefined {
    return this.#obstacle;
  }

  isWhole(): boolean {
    return true; // nobody can look
  }

  write(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.#obstacle = undefined;
    try {
      while (at < end) at += writeSync(this.#fd, bytes, at, end - at);
    } catch (cause) {
      const code = systemCode(cause);
      if (code !== 'EAGAIN' && !(this.#regular && isPassing(cause, 'run'))) {
        throw new TamperError('WRITE_FAILED', `cannot write to standard output (${code})`, {
          cause,
          hint:
            code === 'EPIPE'
              ? 'The process that reads it has ended; what it left unread in the pipe, usually 64 KiB at most, is lost.'
              : 'Check where standard output goes.',
        });
      }
      this.#obstacle = { kind: code === 'EAGAIN' ? 'busy' : 'full', cause: cause as Error };
    }
    this.#size += at - start;
    return at - start;
  }

  async datasync(): Promise<void> {
    this.datasyncSync();
  }

  datasyncSync(): void {
    if (!this.#regular) return; // a pipe has nothing to make durable
    try {
      fdatasyncSync(this.#fd);
    } catch (cause) {
      throw new TamperError('WRITE_FAILED', `standard output could not be brought to the disk (${systemCode(cause)})`, {
        cause: new Error('fdatasync failed', { cause }),
      });
    }
  }

  syncSync(): void {
    this.datasyncSync();
  }

  rename(): void {
    throw new TamperError('INTERNAL', 'standard output cannot be renamed');
  }

  close(): void {
    // standard output belongs to the process
  }
}

/** Node does so with a pipe when its stream is first looked at. A reader that sleeps must not stop the application. */
function makeNonBlocking(): boolean {
  return process.stdout.writable;
}
