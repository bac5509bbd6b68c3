import type { GivenFile } from './request.ts';

/** A file as it was dropped or chosen, under its own name or that in its folder. */
export type NewFile = Pick<GivenFile, 'given' | 'blob'>;

/** So many bytes of two files are compared at a time. */
const PIECE = 4 * 1024 * 1024;

/**
 * The files of one place of the page, in the order in which they were given. None takes the place of another: one of a name
 * that another file has goes into a folder `(2)`, with all that was given with it, so that a manifest stays beside its log.
 * The same bytes under the same name are one file.
 */
export class Collection {
  readonly #files = new Map<string, GivenFile>();

  list(): readonly GivenFile[] {
    return [...this.#files.values()];
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  /** @returns what has another path than its name, for the list alone does not say why */
  async add(files: readonly NewFile[]): Promise<readonly GivenFile[]> {
    const fresh: NewFile[] = [];
    for (const file of files) if (!(await hasSame(this.list(), file))) fresh.push(file);
    const folders = new Set(this.list().flatMap(({ path }) => foldersOf(path)));
    const isTaken = (path: string): boolean =>
      this.#files.has(path) || folders.has(path) || foldersOf(path).some((folder) => this.#files.has(folder));
    let first = 1;
    while (fresh.some(({ given }) => isTaken(numbered(given, first)))) first++;
    const renamed: GivenFile[] = [];
    for (const { given, blob } of fresh) {
      if (await hasSame(this.list(), { given, blob })) continue; // it was twice in what was given
      let number = first;
      while (isTaken(numbered(given, number))) number++;
      const path = numbered(given, number);
      const file = { path, given, blob };
      this.#files.set(path, file);
      for (const folder of foldersOf(path)) folders.add(folder);
      if (number > 1) renamed.push(file);
    }
    return renamed;
  }
}

function numbered(given: string, number: number): string {
  return number === 1 ? given : `(${number})/${given}`;
}

function foldersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_part, at) => parts.slice(0, at + 1).join('/'));
}

async function hasSame(files: readonly GivenFile[], { given, blob }: NewFile): Promise<boolean> {
  for (const one of files) if (one.given === given && (await isSame(one.blob, blob))) return true;
  return false;
}

/** A file that cannot be read, as one that was changed since, is like no other: it stays, and the verification says so. */
async function isSame(one: Blob, other: Blob): Promise<boolean> {
  if (one.size !== other.size) return false;
  try {
    for (let at = 0; at < one.size; at += PIECE) {
      const [a, b] = await Promise.all([bytesOf(one, at), bytesOf(other, at)]);
      if (a.length !== b.length || a.some((byte, index) => byte !== b[index])) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

async function bytesOf(blob: Blob, at: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
}
