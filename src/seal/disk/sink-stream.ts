import { fdatasyncSync, fstatSync, writeSync } from 'node:fs';
import { TamperError } from '../../errors.ts';
import { isPassing, type Obstacle, type Sink, systemCode } from './sink.ts';

const STDOUT_FD = 1;

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

  /** @param fd - an open file descriptor; 1 is standard output. It stays open. */
  constructor(fd: number) {
    this.#fd = fd;
    if (fd === STDOUT_FD) makeNonBlocking();
    this.#regular = fstatSync(fd).isFile();
  }

  get size(): number {
    return this.#size;
  }

  get obstacle(): Obstacle | undefined {
    return this.#obstacle;
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
