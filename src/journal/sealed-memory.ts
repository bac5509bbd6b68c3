import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rm } from 'node:fs/promises';
import type { AuditMemory, StoredText } from '../audit/memory/audit-memory.ts';
import { systemCode, TamperError } from '../errors.ts';
import { SAFELY } from '../foundation/descriptor.ts';
import { mapBounded } from '../foundation/pool.ts';

/** The digest of a text as lists have it (J1.3): SHA-256, standard base64. */
export const digestOfText = (text: string): string => hash('sha256', text, 'base64');

/** What counts of what is stored, by the journal. */
export interface MemorySeal {
  /** Ids of which the last night has a stream, whether the memory holds them or not. */
  readonly ids: Iterable<string>;
  /** What counts of the text that is stored under an id. `write`: it is to take the place of that. */
  readonly taken: (
    id: string,
    stored: string | undefined,
  ) => { readonly text: string; readonly write: boolean } | undefined;
  /** The id of which the last night has a text with this digest. */
  readonly idOf: (digest: string) => string | undefined;
  /** A text that is to be remembered next. */
  readonly staged: (id: string, text: string, digest: string) => void;
}

/** A text that is to be remembered: where it lies in the file, and what it takes the place of. */
interface Staged {
  readonly at: number;
  readonly length: number;
  /** The version of the memory that was read; undefined where there was none. */
  readonly before: string | undefined;
  readonly digest: string;
}

const AT_ONCE = 8;
/** The version of a text that is not stored. */
const NOWHERE = '';

/**
 * A memory of which only what the last night sealed counts, and whose changes wait in a file of any length until their own night is
 * sealed (J2.3, J2.4). That file is a log of what to do: a night that was killed behind its `end` is carried on from it.
 */
export class SealedMemory implements AuditMemory {
  readonly name: string;
  readonly #memory: AuditMemory;
  readonly #path: string;
  readonly #seal: MemorySeal;
  /** The id of the journal itself, which is no stream of this audit. */
  readonly #own: string;
  readonly #staged = new Map<string, Staged>();
  #file: FileHandle | undefined;
  #end = 0;

  constructor(memory: AuditMemory, path: string, own: string, seal: MemorySeal) {
    this.name = memory.name;
    this.#memory = memory;
    this.#path = path;
    this.#own = own;
    this.#seal = seal;
  }

  /** Remembers what a killed night has sealed and did not get to remember, and lets all else go. @throws {@link TamperError} as writing to the memory */
  async open(): Promise<void> {
    await orWriteFailed(this.#path, 'Remove it. What is to be remembered waits there.', async () => {
      const left = await lstat(this.#path).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (left?.isFile() === true) await this.#carryOn();
      // a file of this name may be a link to any other, which must not be emptied
      await rm(this.#path, { force: true });
      this.#file = await open(this.#path, 'wx+', 0o600);
    });
  }

  async #carryOn(): Promise<void> {
    const file = await open(this.#path, constants.O_RDONLY | SAFELY);
    try {
      for await (const line of file.readLines({ autoClose: false })) {
        const text = `${line}\n`;
        const digest = digestOfText(text);
        const id = this.#seal.idOf(digest);
        const stored = id === undefined ? undefined : await this.#memory.read(id);
        if (id !== undefined && stored?.text !== text) await this.#memory.write(id, text, stored?.version);
      }
    } finally {
      await file.close();
    }
  }

  async prepare(): Promise<void> {
    await this.#memory.prepare();
  }

  async *ids(): AsyncIterable<string> {
    const listed = new Set(this.#seal.ids);
    for await (const id of this.#memory.ids()) if (id !== this.#own && !listed.has(id)) yield id;
    yield* listed;
  }

  async read(id: string): Promise<StoredText | undefined> {
    if (id === this.#own) return undefined; // a copy of the journal among the streams
    const staged = this.#staged.get(id);
    if (staged !== undefined) return { text: await this.#textOf(staged), version: staged.digest };
    const stored = await this.#memory.read(id);
    const taken = this.#seal.taken(id, stored?.text);
    if (taken === undefined) return undefined;
    const { text, write } = taken;
    if (!write) return { text, version: stored?.version ?? NOWHERE };
    return { text, version: await this.#stage(id, text, stored?.version) };
  }

  async write(id: string, text: string, version: string | undefined): Promise<boolean> {
    if (id === this.#own) return true;
    const earlier = this.#staged.get(id);
    if (earlier !== undefined && earlier.digest !== version) return false;
    await this.#stage(id, text, earlier === undefined ? version || undefined : earlier.before);
    return true;
  }

  async #stage(id: string, text: string, before: string | undefined): Promise<string> {
    const bytes = Buffer.from(text, 'utf8');
    const at = this.#end;
    this.#end += bytes.length;
    await this.#writing(async (file) => file.write(bytes, 0, bytes.length, at));
    const digest = digestOfText(text);
    this.#staged.set(id, { at, length: bytes.length, before, digest });
    this.#seal.staged(id, text, digest);
    return digest;
  }

  /** All that waits is on the disk when this resolves. @throws {@link TamperError} `WRITE_FAILED` */
  async flush(): Promise<void> {
    await this.#writing(async (file) => file.sync());
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

  async #textOf({ at, length, digest }: Staged): Promise<string> {
    const bytes = Buffer.alloc(length);
    await this.#writing(async (file) => file.read(bytes, 0, length, at));
    const text = bytes.toString('utf8');
    if (digestOfText(text) === digest) return text;
    throw new TamperError('VERIFY_FAILED', `${this.#path} was changed while the audit used it`, {
      hint: 'Find out who can write beside the journal. The next audit verifies what was not remembered from its bytes.',
    });
  }

  async #writing(act: (file: FileHandle) => Promise<unknown>): Promise<void> {
    if (this.#file === undefined) throw new TamperError('INTERNAL', 'the sealed memory is not open');
    const file = this.#file;
    await orWriteFailed(this.#path, 'What is to be remembered waits there: make room.', async () => act(file));
  }
}

/** @throws {@link TamperError} `WRITE_FAILED` for what the system says */
export async function orWriteFailed(place: string, hint: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === '') throw cause;
    const why = `Nothing of this audit is remembered. ${hint}`;
    throw new TamperError('WRITE_FAILED', `${place} cannot be written (${code})`, { cause, hint: why });
  }
}
