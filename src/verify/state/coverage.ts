import type { Limited } from '../model/allowance.ts';

/** What of a stream was not read, or may be where nobody can read (spec 8.12, M8.5). It is written only here. */
export class Coverage {
  #stopped = false;
  #unread = false;
  #maybeElsewhere = false;
  readonly #limits = new Set<Limited>();

  /** After a format of a later version, or at a bound of the reader: nothing that follows can be decided (spec 8.3). */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** A file could not be read to its end: what should follow cannot be missed. */
  get unread(): boolean {
    return this.#unread;
  }

  /** A damaged file that is none of those read may hold entries that nothing here has. */
  get maybeElsewhere(): boolean {
    return this.#maybeElsewhere;
  }

  /** Not all that may be of the stream was read: what should follow cannot be missed. */
  get isPartial(): boolean {
    return this.#unread || this.#stopped || this.#maybeElsewhere;
  }

  /** Why what should be here may exist all the same; undefined if every file could be read. */
  mayHold(what: string): string | undefined {
    return this.#maybeElsewhere ? `a file that could not be read may hold ${what}` : undefined;
  }

  /** Whether this is used up, which was reported. */
  lacks(what: Limited): boolean {
    return this.#limits.has(what);
  }

  stop(): void {
    this.#stopped = true;
  }

  breakOffFile(): void {
    this.#unread = true;
  }

  missFile(): void {
    this.#maybeElsewhere = true;
  }

  reachLimit(what: Limited): void {
    this.#limits.add(what);
  }
}
