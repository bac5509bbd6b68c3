import { type FileIdentity, isSame } from './file-identity.ts';
import type { IgnoredWhy } from './found-files.ts';
import { standing } from './moved-files.ts';
import type { PeekedSource } from './stream-files.ts';

/** A file as it was when it was looked at. */
export interface SeenFile {
  readonly path: string;
  /** Size on disk in bytes. */
  readonly size: number;
  readonly identity: FileIdentity;
  /** What it is of a log, or why it is none. */
  readonly log: PeekedSource | IgnoredWhy;
}

/** What was seen while directories are looked at again and again: each file once, whatever names it had meanwhile (M8.2). */
export class SeenFiles {
  readonly #byPath = new Map<string, SeenFile>();
  readonly #byNumber = new Map<string, SeenFile[]>();
  readonly #logs = new Set<SeenFile>();

  /** What was seen under a name, if nothing of it can be different by now. One stat. */
  settled(path: string): SeenFile | undefined {
    const seen = this.#byPath.get(path);
    if (seen === undefined) return undefined;
    const now = standing(path);
    if (now === undefined || !isSame(now.identity, seen.identity)) return undefined;
    // what had no entry may have one now
    return hasEntry(seen) || now.size === seen.size ? seen : undefined;
  }

  /** Takes a file that was looked at. @returns whether there was no such one before */
  add(seen: SeenFile): boolean {
    const number = `${seen.identity.dev} ${seen.identity.ino}`;
    const others = this.#byNumber.get(number) ?? [];
    const before = this.#byPath.get(seen.path);
    this.#byPath.set(seen.path, seen);
    this.#byNumber.set(number, [...others.filter((one) => one !== before), seen]);
    if (typeof seen.log === 'string') return false;
    let isNew = true;
    for (const other of before === undefined ? others : [...others, before]) {
      // a number alone makes no two files one: not every file system gives each its own
      if (hasEntry(seen) && isAlike(other, seen) && this.#logs.delete(other)) isNew = false;
      else if (isSuperseded(other, seen)) this.#logs.delete(other);
    }
    this.#logs.add(seen);
    return isNew;
  }

  /** Every log, under the name that it had last. */
  get logs(): PeekedSource[] {
    return [...this.#logs].flatMap(({ log }) => (typeof log === 'string' ? [] : [log]));
  }
}

function hasEntry({ log }: SeenFile): boolean {
  return typeof log !== 'string' && log.peek.seq !== undefined;
}

/** Whether both begin with the same entry. */
function isAlike({ log: one }: SeenFile, { log: other }: SeenFile): boolean {
  return (
    typeof one !== 'string' &&
    typeof other !== 'string' &&
    one.peek.seq === other.peek.seq &&
    one.peek.tag === other.peek.tag
  );
}

/** Whether a file was seen before it had an entry: under the same name, or under one that it has no more. */
function isSuperseded(other: SeenFile, seen: SeenFile): boolean {
  if (hasEntry(other)) return false;
  if (other.path === seen.path) return true;
  if (!isSame(other.identity, seen.identity)) return false;
  const now = standing(other.path);
  return now === undefined || !isSame(now.identity, other.identity);
}
