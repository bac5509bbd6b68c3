import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode, TamperError } from '../../errors.ts';

/** So many bytes stay in memory; what is more goes to a file. */
const MEMORY = 1024 * 1024;
/** Before each record: its seq as a double, the number of its bytes. */
const HEADER = 12;

/** A record as it was kept. */
export interface SpooledRecord {
  readonly seq: number;
  /** Where it stands among all that was kept. */
  readonly at: number;
  /** Its line without LF; good until the next one is asked for. */
  readonly line: Buffer;
}

/**
 * Lines that wait for a verdict, in bounded memory: few in memory, many in a file that only its owner may open (mode 0600)
 * and whose name is removed as soon as it is open, so that nobody can put another in its place and nothing is left behind.
 */
export class Spool {
  readonly #directory: string;
  /** What is not in the file yet. */
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(MEMORY);
  #used = 0;
  #fd: number | undefined;
  #written = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** How many bytes are kept, those before each record counted. */
  get size(): number {
    return this.#written + this.#used;
  }

  /** Keeps `bytes[start, end)`. @throws {@link TamperError} `WRITE_FAILED` */
  add(seq: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#used + HEADER + length > MEMORY) this.#flush();
    this.#buffer.writeDoubleLE(seq, this.#used);
    this.#buffer.writeUInt32LE(length, this.#used + 8);
    this.#used += HEADER;
    if (this.#used + length <= MEMORY) {
      this.#used += bytes.copy(this.#buffer, this.#used, start, end);
      return;
    }
    this.#flush();
    this.#write(bytes.subarray(start, end));
  }

  /** All that was kept, in its order. @throws {@link TamperError} `READ_FAILED` */
  *records(): Generator<SpooledRecord> {
    if (this.#fd !== undefined) this.#flush();
    const reader = new Reader(this.#fd, this.#buffer.subarray(0, this.#used));
    for (let at = 0; at < this.size; ) {
      const header = reader.take(HEADER);
      const seq = header.readDoubleLE(0);
      const length = header.readUInt32LE(8);
      yield { seq, at, line: reader.take(length) };
      at += HEADER + length;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#used = 0;
    this.#written = 0;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #write(bytes: Buffer): void {
    try {
      this.#fd ??= this.#open();
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done);
    } catch (error) {
      const code = systemCode(error);
      if (code === '') throw error;
      throw new TamperError('WRITE_FAILED', `the records cannot be kept in ${this.#directory} (${code})`, {
        cause: error,
        hint: 'They wait there for the verdict and take as much space as the log: name another directory with TMPDIR.',
      });
    }
    this.#written += bytes.length;
  }

  #open(): number {
    const path = join(this.#directory, `fapilog-tamper-${randomBytes(12).toString('hex')}`);
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  }
}

/** Takes bytes from the start of a file, or of memory. */
class Reader {
  readonly #fd: number | undefined;
  #bytes: Buffer;
  #at = 0;
  #position = 0;

  constructor(fd: number | undefined, memory: Buffer) {
    this.#fd = fd;
    this.#bytes = fd === undefined ? memory : Buffer.alloc(0);
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) this.#fill(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #fill(length: number): void {
    const rest = this.#bytes.subarray(this.#at);
    const bytes = Buffer.allocUnsafeSlow(Math.max(length, MEMORY));
    rest.copy(bytes);
    let end = rest.length;
    while (this.#fd !== undefined && end < bytes.length) {
      const count = readSync(this.#fd, bytes, end, bytes.length - end, this.#position);
      if (count === 0) break;
      end += count;
      this.#position += count;
    }
    if (end < length) throw new TamperError('READ_FAILED', 'the file with the kept records has become shorter');
    this.#bytes = bytes.subarray(0, end);
    this.#at = 0;
  }
}
