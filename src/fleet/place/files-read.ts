import { manifestsOf } from '../../foundation/log-file-names.ts';
import type { OnRead } from '../../foundation/regular-file.ts';
import type { PlacedFile, PlacedManifest } from './log-place.ts';
import { standing } from './standing.ts';

/** No listing shows this version: the file is read again. */
const UNREAD = 'unread';

/**
 * Files of a directory as they were while they were read. A listing says what a name led to before that; whoever can rename a
 * folder can have one file listed and another one read, without a trace in the times of either.
 */
export class FilesRead {
  readonly #read = new Map<string, PlacedManifest | undefined>();

  readonly onRead: OnRead = (path, before, after) => {
    const first = before && standing(path, before);
    const last = after && standing(path, after);
    const known = this.#read.has(path) ? this.#read.get(path) : first;
    const isSame = first?.version === last?.version && first?.version === known?.version;
    this.#read.set(path, isSame ? first : { name: path, size: first?.size ?? 0, version: UNREAD });
  };

  /** The file as it was each time that it was read. */
  asRead({ name, size, version: _, manifest: listed }: PlacedFile): PlacedFile {
    const own = this.#read.get(name) ?? { name, size, version: UNREAD };
    // nobody looks for the manifest of a file that is a copy of another
    const beside = manifestsOf(name).find((path) => this.#read.has(path));
    const manifest = beside === undefined ? listed : this.#read.get(beside);
    return { ...own, ...(manifest !== undefined && { manifest }) };
  }
}
