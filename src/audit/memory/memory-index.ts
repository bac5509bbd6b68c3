import { isTamperError, type TamperError } from '../../errors.ts';
import { mapBounded } from '../../foundation/pool.ts';
import type { AuditMemory } from './audit-memory.ts';
import { parseRemembered } from './remembered.ts';

/** What all that is remembered of streams that are named says of whose a file is; what else is remembered of a stream is read when its turn comes. */

/** A family that is remembered. */
export interface IndexedFamily {
  readonly family: string;
  readonly origins: readonly string[];
  /** The version of the text, when it was read. */
  readonly version: string;
  /** When all files of its streams were read last, UTC; undefined if that is not known of one. */
  readonly whole: string | undefined;
  /** How many files it has, and their bytes as they lay there. */
  readonly files: number;
  readonly bytes: number;
}

/** A file that is remembered. */
export interface IndexedFile {
  readonly family: string;
  readonly version: string;
  /** Another file of its stream begins with the same entry. */
  readonly isCopy: boolean;
}

/** So many texts are read at once. */
const AT_ONCE = 16;
/** So many ids at a time: a list of them is all that is kept of a memory of any size. */
const PORTION = 256;

/** An index of everything that is remembered. */
export class MemoryIndex {
  readonly families: Map<string, IndexedFamily> = new Map();
  /** By name. */
  readonly files: Map<string, IndexedFile> = new Map();
  /** What is remembered and cannot be read, by id. */
  readonly damaged: Map<string, TamperError> = new Map();

  readonly #names: (origin: string) => boolean;

  private constructor(names: (origin: string) => boolean) {
    this.#names = names;
  }

  /** Reads all of a memory; `names` says which streams are named. @throws {@link TamperError} what reading throws, but for a text that is damaged */
  static async read(memory: AuditMemory, names: (origin: string) => boolean): Promise<MemoryIndex> {
    const index = new MemoryIndex(names);
    let portion: string[] = [];
    for await (const id of memory.ids()) {
      portion.push(id);
      if (portion.length < PORTION) continue;
      await index.#take(memory, portion);
      portion = [];
    }
    await index.#take(memory, portion);
    return index;
  }

  async #take(memory: AuditMemory, ids: readonly string[]): Promise<void> {
    await mapBounded(ids, AT_ONCE, async (id) => this.#takeOne(memory, id));
  }

  async #takeOne(memory: AuditMemory, id: string): Promise<void> {
    try {
      const stored = await memory.read(id);
      if (stored === undefined) return;
      const { family, streams: all } = parseRemembered(stored.text, id, `${memory.name}: ${id}`);
      const streams = all.filter(({ origin }) => this.#names(origin));
      if (streams.length === 0) return;
      const origins = streams.map(({ origin }) => origin);
      const files = streams.flatMap((one) => one.files);
      const bytes = files.reduce((sum, { size }) => sum + size, 0);
      const [whole] = streams.map((one) => one.whole).sort((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1));
      this.families.set(family, { family, origins, version: stored.version, whole, files: files.length, bytes });
      for (const one of streams) {
        const counts = new Map<number | undefined, number>();
        for (const { firstSeq } of one.files) counts.set(firstSeq, (counts.get(firstSeq) ?? 0) + 1);
        for (const { name, version, firstSeq } of one.files)
          this.files.set(name, { family, version, isCopy: (counts.get(firstSeq) ?? 0) > 1 });
      }
    } catch (error) {
      if (!isTamperError(error, 'FORMAT_INVALID') && !isTamperError(error, 'FORMAT_LIMIT')) throw error;
      this.damaged.set(id, error);
    }
  }
}
