import type { Elsewhere } from '../auditor/auditor.ts';
import type { MissingFile } from '../input/peek.ts';

/** So many names of what was left out are kept; more are counted. */
const KEPT_NAMES = 100;

/** Why a file was left out. `not unpacked`: an archive, or compressed otherwise than with gzip. `beside a log`: what a start took out of one, or the manifest of one that was named too. */
export type IgnoredWhy =
  | 'nothing sealed'
  | 'empty'
  | 'not unpacked'
  | 'hidden name'
  | 'symbolic link'
  | 'not a regular file'
  | 'beside a log';

/** A file behind a path that somebody gave, and was left out. */
export interface IgnoredFile {
  readonly file: string;
  readonly why: IgnoredWhy;
}

/** What was left out: the first hundred names, and how many more there are. */
export interface IgnoredReport {
  readonly files: readonly IgnoredFile[];
  readonly more: number;
}

/** A manifest whose file is not here, and what it says of that. */
export interface ManifestAlone extends MissingFile {
  readonly name: string;
  /** Another file has taken the place of that one. */
  readonly beside?: true;
}

/** What is left out while files are looked for. Bounded. */
export class IgnoredFiles {
  readonly #files: IgnoredFile[] = [];
  #count = 0;
  #packed: string | undefined;
  /** Those of which what they say is compared with the streams that are here. */
  readonly manifests: ManifestAlone[] = [];

  clear(): void {
    this.#files.length = 0;
    this.#count = 0;
    this.#packed = undefined;
  }

  add(file: string, why: IgnoredWhy): void {
    this.#count++;
    if (why === 'not unpacked') this.#packed ??= file;
    if (this.#files.length < KEPT_NAMES) this.#files.push({ file, why });
  }

  /** The first one that may hold a part of a log, and has to be unpacked. */
  get packed(): string | undefined {
    return this.#packed;
  }

  get report(): IgnoredReport {
    return { files: this.#files, more: this.#count - this.#files.length };
  }
}

/** For people: why nobody knows what a file holds. */
export function whyUnknown({ file, why }: Elsewhere): string {
  return why === 'not unpacked' ? `${file} was left out, for it is not unpacked` : `${file} could not be read`;
}
