import { isTamperError, TamperError } from '../../errors.ts';
import { tagOf } from '../../format/origin.ts';
import { throwIfAborted } from '../../foundation/deadline.ts';
import { mapBounded } from '../../foundation/pool.ts';
import type { Elsewhere } from '../../verify/auditor/auditor.ts';
import { wantedBy } from '../../verify/files/grouping.ts';
import type { Peek, Wanted } from '../../verify/input/peek.ts';
import {
  IgnoredFiles,
  type IgnoredReport,
  type IgnoredWhy,
  type ManifestAlone,
} from '../../verify/verdict/ignored-files.ts';
import { type FamilyFile, lookFailure } from '../check/family-look.ts';
import { claim, sightOf } from '../check/look-again.ts';
import type { StreamOptions } from '../check/stream-options.ts';
import { familyOf } from '../memory/family.ts';
import type { MemoryIndex } from '../memory/memory-index.ts';
import { isSameFile, type LogPlace, type PlacedFile } from '../place/log-place.ts';

/** Which streams there are: every file is listed, and only what is not remembered is looked into. */

/** What was found. */
export interface Discovery {
  /** The files of each family, by its name. */
  readonly families: ReadonlyMap<string, readonly FamilyFile[]>;
  /** Files of no stream that is named, and what they begin with. */
  readonly unclaimed: readonly UnclaimedFile[];
  /** Files that could not be looked into, and of which nobody knows whose they are: those with no failure were replaced each time. */
  readonly unread: readonly FamilyFile[];
  /** Those without any entry of which nobody knows what they hold, by the family of which a file is remembered whose name theirs begins with. */
  readonly hidden: ReadonlyMap<string | undefined, string>;
  /** The first one that has to be unpacked. */
  readonly packed: string | undefined;
  /** Manifests whose files are not here, by the family of their stream. */
  readonly manifests: ReadonlyMap<string, readonly ManifestAlone[]>;
  readonly ignored: IgnoredReport;
  /** Places in which there is no log, nor anything that might be one. */
  readonly empty: readonly LogPlace[];
}

/** A file that may hold the missing entries of a family, because nobody knows whose entries it holds (M8.5). */
export function elsewhereOf({ unread, hidden, packed }: Discovery, family: string): Elsewhere | undefined {
  const file = unread[0]?.name ?? hidden.get(family) ?? hidden.get(undefined);
  if (file !== undefined) return { file, why: 'not read' };
  return packed === undefined ? undefined : { file: packed, why: 'not unpacked' };
}

/** A file of no stream that is named. */
export interface UnclaimedFile {
  readonly file: string;
  readonly peek: Peek;
}

/** So many files are looked into at once. */
const AT_ONCE = 16;
/** So often one is looked into that is replaced meanwhile. */
const LOOKS = 4;
/** So many objects of a service that does not answer are none that it keeps back: the service is away. */
const MOST_UNAVAILABLE = 32;
/** So many are listed before they are looked into. */
const PORTION = 1024;

interface Peeked {
  readonly place: LogPlace;
  readonly file: PlacedFile;
  readonly peek: Peek;
}

/** A file that may be a copy of one of the same family. */
interface Copy extends Pick<Peeked, 'place' | 'file'> {
  readonly family: string;
}

/** What a listing gives while it goes on. */
interface Found {
  readonly ignored: IgnoredFiles;
  readonly peeked: Peeked[];
  readonly unread: FamilyFile[];
  /** How many could not be looked into, but might be later. */
  unavailable: number;
  /** Places with a log, or with what might be one. */
  readonly places: Set<LogPlace>;
}

/** Lists places, as often as it is asked to; what was looked into once is not again. */
export class Discoverer {
  readonly #places: readonly LogPlace[];
  readonly #options: StreamOptions;
  readonly #index: MemoryIndex;
  readonly #known: readonly string[];
  readonly #wanted: Wanted;
  readonly #signal: AbortSignal | undefined;
  readonly #seen = new Map<string, { readonly file: PlacedFile; readonly peek: Peek | IgnoredWhy }>();

  constructor(
    places: readonly LogPlace[],
    options: StreamOptions,
    index: MemoryIndex,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#places = places;
    this.#options = options;
    this.#index = index;
    this.#known = [...index.families.values()].flatMap(({ origins }) => origins);
    const byName = wantedBy(options.patterns, options.continued);
    this.#wanted = { ...byName, tags: new Set([...byName.tags, ...this.#known.map(tagOf)]) };
  }

  /** How many files were looked into. */
  get peeked(): number {
    return this.#seen.size;
  }

  /** Lists all places. @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`, `ABORTED`, what a storage throws */
  async look(): Promise<Discovery> {
    const families = new Map<string, FamilyFile[]>();
    const add = (family: string, file: FamilyFile): void => {
      const own = families.get(family);
      if (own === undefined) families.set(family, [file]);
      else own.push(file);
    };
    const found: Found = { ignored: new IgnoredFiles(), peeked: [], unread: [], unavailable: 0, places: new Set() };
    const listed = new Set<string>();
    const copies: Copy[] = [];
    let missing = 0;
    for (const place of this.#places) {
      let portion: PlacedFile[] = [];
      try {
        for await (const file of place.list(found.ignored)) {
          if (listed.has(file.name)) {
            found.places.add(place); // of places that overlap
            continue;
          }
          listed.add(file.name);
          throwIfAborted('the listing', this.#signal);
          const remembered = this.#index.files.get(file.name);
          if (remembered?.version === file.version) {
            found.places.add(place);
            add(remembered.family, file);
            if (remembered.isCopy) copies.push({ place, file, family: remembered.family });
          } else portion.push(file);
          if (portion.length < PORTION) continue;
          await this.#lookInto(place, portion, found);
          portion = [];
        }
      } catch (error) {
        if (!isTamperError(error, 'NOT_FOUND') || ++missing === this.#places.length) throw error;
        found.places.add(place); // a place that is missing hides nothing of the others
        found.unread.push({ name: place.name, size: 0, version: 'missing', unread: lookFailure(error) });
      }
      await this.#lookInto(place, portion, found);
    }
    const { sighted, unclaimed } = await this.#attribute(found.peeked);
    const manifests = new Map<string, ManifestAlone[]>();
    const beside = await this.#besideCopies([...copies, ...this.#mayBeCopies(sighted, found.peeked)], found);
    const unknown = found.unread.filter((file) => {
      const before = this.#index.files.get(file.name);
      if (before !== undefined) add(before.family, file);
      return before === undefined;
    });
    for (const { file, peek } of [...found.peeked, ...beside]) {
      if (peek.missing === undefined || !this.#options.names(peek.missing.origin)) continue;
      const family = familyOf(peek.missing.origin);
      const one = { ...peek.missing, name: file.name };
      const own = manifests.get(family);
      if (own === undefined) manifests.set(family, [one]);
      else own.push(one);
    }
    for (const file of sighted) if (file.sight !== undefined) add(familyOf(file.sight.origin), file);
    const hidden = new Map<string | undefined, string>();
    for (const { file, peek } of unclaimed) {
      if (peek.hidden !== undefined) hidden.set(undefined, file).set(this.#familyOf(file), file);
    }
    const empty = this.#places.filter((place) => !found.places.has(place));
    const { packed, report: ignored } = found.ignored;
    return { families, unclaimed, unread: unknown, hidden, packed, manifests, ignored, empty };
  }

  /** Files that may be copies: such a one is not read, and the manifest beside it may be of another stream (M7.1). */
  #mayBeCopies(sighted: readonly FamilyFile[], peeked: readonly Peeked[]): Copy[] {
    const places = new Map(peeked.map(({ place, file }) => [file.name, place]));
    const begins = ({ sight }: FamilyFile): string => `${sight?.seq} ${sight?.origin}`;
    const counts = new Map<string, number>();
    for (const file of sighted) counts.set(begins(file), (counts.get(begins(file)) ?? 0) + 1);
    return sighted.flatMap((file) => {
      const place = places.get(file.name);
      const family = familyOf(file.sight?.origin ?? '');
      const before = this.#index.files.get(file.name)?.family ?? family;
      const mayBe = before !== family || (counts.get(begins(file)) ?? 0) > 1;
      return place !== undefined && mayBe ? [{ place, file, family }] : [];
    });
  }

  /** The manifests beside files that are of another family: of its own ones the verification of a family tells. */
  async #besideCopies(copies: readonly Copy[], found: Found): Promise<Peeked[]> {
    const families = new Map(copies.map(({ file, family }) => [file.manifest?.name, family]));
    const beside = { ...found, ignored: new IgnoredFiles(), peeked: [] as Peeked[] };
    for (const place of this.#places) {
      const own = copies.flatMap((copy) => (copy.place === place ? (copy.file.manifest ?? []) : []));
      await this.#lookInto(place, own, beside);
    }
    const isOther = ({ file, peek: { missing } }: Peeked): boolean =>
      missing !== undefined && familyOf(missing.origin) !== families.get(file.name);
    return beside.peeked.filter(isOther);
  }

  /** The family of which a file is remembered that this one may have been, as `a.jsonl` for `a.jsonl.1.gz`. */
  #familyOf(name: string): string | undefined {
    for (const [known, { family }] of this.#index.files) if (name.startsWith(known.replace(/\.gz$/, ''))) return family;
    return undefined;
  }

  async #lookInto(place: LogPlace, files: readonly PlacedFile[], found: Found): Promise<void> {
    await mapBounded(files, AT_ONCE, async (listed) => {
      let file: PlacedFile | undefined = listed;
      try {
        for (let look = 1; file !== undefined && look <= LOOKS; look++) {
          const peek = await this.#peek(place, file);
          if (typeof peek === 'string') found.ignored.add(file.name, peek);
          else if (peek?.missing === undefined) found.places.add(place);
          if (typeof peek === 'object') found.peeked.push({ place, file, peek });
          if (peek !== undefined) return;
          file = await place.now(file);
        }
        if (file !== undefined) found.unread.push(file);
      } catch (error) {
        found.places.add(place);
        const unread = lookFailure(error);
        if (error instanceof TamperError && error.retryable && ++found.unavailable > MOST_UNAVAILABLE) throw error;
        found.unread.push({ ...listed, unread });
      }
    });
  }

  async #peek(place: LogPlace, file: PlacedFile): Promise<Peek | IgnoredWhy | undefined> {
    const seen = this.#seen.get(file.name);
    if (seen !== undefined && isSameFile(seen.file, file)) return seen.peek;
    const peek = await place.peek(file, this.#wanted);
    if (peek !== undefined) this.#seen.set(file.name, { file, peek });
    return peek;
  }

  /** Whose the files are that were looked into. */
  async #attribute(
    peeked: readonly Peeked[],
  ): Promise<{ readonly sighted: FamilyFile[]; readonly unclaimed: UnclaimedFile[] }> {
    const { patterns, only } = this.#options;
    const covers = (origin: string): boolean => this.#options.names(origin);
    const exact = patterns.filter((pattern) => !pattern.endsWith('*'));
    const claimed = peeked.flatMap(({ peek }) => claim(peek, covers) ?? []);
    const byTag = new Map([...this.#known, ...claimed, ...exact].map((origin) => [tagOf(origin), origin]));
    const tags = new Set(byTag.keys());
    const sighted: FamilyFile[] = [];
    const unclaimed: UnclaimedFile[] = [];
    for (const { place, file, peek: first } of peeked) {
      if (first.missing !== undefined) continue;
      let peek = first;
      if (sightOf(peek, byTag, only) === undefined && peek.tag !== undefined) {
        // a file that begins with lines of another stream may hold some of one that only another file shows to be here (M8.2)
        const again = await place.peek(file, { tags });
        if (typeof again === 'object') peek = again;
      }
      const sight = sightOf(peek, byTag, only);
      if (sight === undefined) unclaimed.push({ file: file.name, peek });
      else sighted.push({ ...file, sight });
    }
    return { sighted, unclaimed };
  }
}
