import { type FileHandle, open, rm } from 'node:fs/promises';
import { systemCode, TamperError } from '../errors.ts';
import type { AuditMemory, StoredText } from '../fleet/memory/audit-memory.ts';
import { mapBounded } from '../foundation/pool.ts';

/** A text that is to be remembered: where it lies in the file, and what it takes the place of. */
interface Staged {
  readonly at: number;
  readonly length: number;
  /** The version of the memory that was read; undefined where there was none. */
  readonly before: string | undefined;
  readonly version: string;
}

const AT_ONCE = 8;

/** A memory whose changes wait, in a file of any length, until the night that they are of is sealed (J2.3). */
export class StagedMemory implements AuditMemory {
  readonly name: string;
  readonly #memory: AuditMemory;
  readonly #path: string;
  readonly #onWrite: (id: string, text: string) => void;
  readonly #staged = new Map<string, Staged>();
  #file: FileHandle | undefined;
  #end = 0;

  /** @param path - of the file in which they wait: what a killed audit left in it is let go */
  constructor(memory: AuditMemory, path: string, onWrite: (id: string, text: string) => void) {
    this.name = memory.name;
    this.#memory = memory;
    this.#path = path;
    this.#onWrite = onWrite;
  }

  async open(): Promise<void> {
    this.#file = await open(this.#path, 'w+', 0o600);
  }

  async prepare(): Promise<void> {
    await this.#memory.prepare();
  }

  ids(): AsyncIterable<string> {
    return this.#memory.ids();
  }

  async read(id: string): Promise<StoredText | undefined> {
    const staged = this.#staged.get(id);
    return staged === undefined ? this.#memory.read(id) : { text: await this.#textOf(staged), version: staged.version };
  }

  async write(id: string, text: string, version: string | undefined): Promise<boolean> {
    const earlier = this.#staged.get(id);
    if (earlier !== undefined && earlier.version !== version) return false;
    const bytes = Buffer.from(text, 'utf8');
    const at = this.#end;
    this.#end += bytes.length;
    await this.#opened.write(bytes, 0, bytes.length, at).catch((error: unknown) => {
      throw this.#unusable(error);
    });
    const before = earlier === undefined ? version : earlier.before;
    this.#staged.set(id, { at, length: bytes.length, before, version: `staged ${at}` });
    this.#onWrite(id, text);
    return true;
  }

  /** Remembers all of it. What another auditor has remembered meanwhile stays. @throws {@link TamperError} as writing to the memory */
  async advance(): Promise<void> {
    await mapBounded([...this.#staged], AT_ONCE, async ([id, staged]) =>
      this.#memory.write(id, await this.#textOf(staged), staged.before),
    );
  }

  async close(): Promise<void> {
    await this.#file?.close();
    await rm(this.#path, { force: true });
  }

  async #textOf({ at, length }: Staged): Promise<string> {
    const bytes = Buffer.alloc(length);
    await this.#opened.read(bytes, 0, length, at);
    return bytes.toString('utf8');
  }

  get #opened(): FileHandle {
    if (this.#file === undefined) throw new TamperError('INTERNAL', 'the staged memory is not open');
    return this.#file;
  }

  #unusable(cause: unknown): unknown {
    const code = systemCode(cause);
    if (code === '') return cause;
    return new TamperError('WRITE_FAILED', `${this.#path} cannot be written (${code})`, {
      cause,
      hint: 'Make room beside the journal: what is to be remembered waits there. Then run this again.',
    });
  }
}
