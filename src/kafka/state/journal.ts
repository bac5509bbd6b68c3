import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { systemCode, TamperError } from '../../errors.ts';
import { damaged, type SavedJournal } from './saved-state.ts';

/**
 * A file of blocks, each `length (4 bytes) SHA-256 (32) body`, the digest over that of the block before and the body. It is only
 * appended to; what counts of it is said elsewhere, so that a part of a block behind that is nothing.
 */

const HEAD = 4 + 32;
const DIGEST = 32;
/** A body is divided here, so that none has to be held whole that is larger, in bytes. */
export const BLOCK_LIMIT: number = 8 * 2 ** 20;
/** A block may be longer by one frame, which holds one line. */
const LONGEST = BLOCK_LIMIT + 32 * 2 ** 20;

function chain(before: Buffer, body: Uint8Array): Buffer {
  return createHash('sha256').update(before).update(body).digest();
}

/** One journal, open to be read and appended to. */
export class Journal {
  readonly name: string;
  readonly #file: FileHandle;
  #bytes: number;
  #digest: Buffer;

  private constructor(name: string, file: FileHandle, bytes: number, digest: Buffer) {
    this.name = name;
    this.#file = file;
    this.#bytes = bytes;
    this.#digest = digest;
  }

  /** A new one. */
  static async create(path: string, name: string): Promise<Journal> {
    return new Journal(name, await open(path, 'wx+', 0o600), 0, Buffer.alloc(DIGEST));
  }

  /** One that was written before; what stands behind its saved end is cut off. @throws {@link TamperError} `STATE_MALFORMED` */
  static async reopen(path: string, saved: SavedJournal): Promise<Journal> {
    let file: FileHandle;
    try {
      file = await open(path, 'r+');
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') throw damaged(path, 'the file is gone', cause);
      throw new TamperError('READ_FAILED', `cannot open ${path} (${systemCode(cause)})`, { cause });
    }
    const journal = new Journal(saved.file, file, saved.bytes, Buffer.from(saved.digest, 'hex'));
    const { size } = await file.stat();
    if (size < saved.bytes) {
      await file.close();
      throw damaged(path, `it has ${size} bytes of ${saved.bytes}`);
    }
    await file.truncate(saved.bytes);
    return journal;
  }

  get saved(): SavedJournal {
    return { file: this.name, bytes: this.#bytes, digest: this.#digest.toString('hex') };
  }

  /** Appends one block; {@link sync} makes it durable. */
  async append(body: Buffer): Promise<void> {
    if (body.length === 0) return;
    const digest = chain(this.#digest, body);
    const head = Buffer.allocUnsafe(HEAD);
    head.writeUInt32LE(body.length);
    digest.copy(head, 4);
    await this.#write(head, this.#bytes);
    await this.#write(body, this.#bytes + HEAD);
    this.#bytes += HEAD + body.length;
    this.#digest = digest;
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** The bodies from the first to the last. @throws {@link TamperError} `STATE_MALFORMED` where a bit is another one */
  async *bodies(): AsyncGenerator<Buffer> {
    let digest: Buffer = Buffer.alloc(DIGEST);
    for (let at = 0; at < this.#bytes; ) {
      const head = await this.#read(at, HEAD);
      const length = head.readUInt32LE();
      if (length > LONGEST || at + HEAD + length > this.#bytes) throw damaged(this.name);
      const body = await this.#read(at + HEAD, length);
      digest = chain(digest, body);
      if (!digest.equals(head.subarray(4))) throw damaged(this.name);
      yield body;
      at += HEAD + length;
    }
    if (!digest.equals(this.#digest)) throw damaged(this.name);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(bytes: Buffer, at: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    }
  }

  async #read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, at + done);
      if (bytesRead === 0) throw damaged(this.name);
      done += bytesRead;
    }
    return bytes;
  }
}
