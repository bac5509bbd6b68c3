import { type FileIdentity, isSame, numberOf } from '../../foundation/file-identity.ts';
import type { PeekedSource } from '../input/peek.ts';
import type { IgnoredWhy } from '../verdict/ignored-files.ts';
import { standing } from './moved-files.ts';

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
  /** The first entries that were seen, as tag and seq. */
  readonly #begun = new Set<string>();
  /** By tag the highest of them, when nothing later was to be taken any more. */
  readonly #last = new Map<string, number>();

  /** What was seen under a name, if nothing of it can be different by now. One stat. */
  settled(path: string): SeenFile | undefined {
    const seen = this.#byPath.get(path);
    if (seen === undefined) return undefined;
    const now = standing(path);
    if (now === undefined || !isSame(now.identity, seen.identity)) return undefined;
    // what had no entry may have one now
    return hasEntry(seen) || now.size === seen.size ? seen : undefined;
  }

  /**
   * From now on a listed file is taken only where it begins before one that was seen: who writes faster than directories are
   * looked at closes two files between two looks, and without the first the second would stand behind a gap.
   */
  takeNothingLater(): void {
    for (const { log } of this.#logs) {
      if (typeof log === 'string' || log.peek.tag === undefined || log.peek.seq === undefined) continue;
      this.#last.set(log.peek.tag, Math.max(log.peek.seq, this.#last.get(log.peek.tag) ?? 0));
    }
  }

  /** Whether a file is none that is taken: see {@link takeNothingLater}. */
  isLater({ log }: SeenFile): boolean {
    if (typeof log === 'string' || log.peek.tag === undefined || log.peek.seq === undefined) return false;
    return log.peek.seq > (this.#last.get(log.peek.tag) ?? Number.MAX_SAFE_INTEGER);
  }

  /** Takes a file that was looked at. @returns whether it may be that not every file has been seen */
  add(seen: SeenFile): boolean {
    const before = this.#byPath.get(seen.path);
    this.#byPath.set(seen.path, seen);
    if (typeof seen.log === 'string') return false;
    const number = numberOf(seen.identity);
    const others = this.#byNumber.get(number) ?? [];
    this.#byNumber.set(number, [...others.filter((one) => one !== before), seen]);
    // a compressed file is another one, and nothing new
    const { tag, seq } = seen.log.peek;
    const begins = `${tag} ${seq}`;
    const isNew =
      seq === undefined ? !others.some((one) => isSame(one.identity, seen.identity)) : !this.#begun.has(begins);
    this.#begun.add(begins);
    for (const other of before === undefined ? others : [...others, before]) {
      // a number alone makes no two files one: not every file system gives each its own
      if ((hasEntry(seen) && isAlike(other, seen)) || isSuperseded(other, seen)) this.#logs.delete(other);
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
