import { hash } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import { type Erasure, formatErasure } from '../../format/erasure.ts';
import { Deleted, isGone } from '../../foundation/file-identity.ts';
import { UnreadableObject } from '../../storage/read-range.ts';
import { ErasureBook, type RecordedByOrigin } from '../../verify/erasures/erasure-book.ts';
import { verifyErasureLogs } from '../../verify/verify.ts';
import type { AuditMemory, StoredText } from '../memory/audit-memory.ts';
import { familyId, familyOf } from '../memory/family.ts';
import { parseRemembered } from '../memory/remembered.ts';
import type { LogPlace } from '../place/log-place.ts';
import { settling } from '../place/standing.ts';
import { type FamilyFile, lookAtFamily, type StreamLook } from './family-look.ts';
import { FamilyReading } from './family-reading.ts';
import { isSameLook, lookAgain } from './look-again.ts';
import type { StreamOptions } from './stream-options.ts';

/**
 * What the erasure logs of a policy record (spec/erasure.md, R1.3). They are read before the streams of a round, and again after
 * every stream that is not ok: who erases records it first, so an erasure that was seen is recorded in what is read after it.
 */

/** So often they are read where their files are replaced meanwhile. */
const ATTEMPTS = 5;

/** What erasure logs record at one moment. */
export class RecordedNow implements RecordedByOrigin {
  readonly #book: RecordedByOrigin;

  constructor(book: RecordedByOrigin) {
    this.#book = book;
  }

  of(origin: string): ReturnType<RecordedByOrigin['of']> {
    return this.#book.of(origin);
  }

  /** Those of a stream whose entries are from `first` to `last`. */
  within(origin: string, first: number, last: number): readonly Erasure[] {
    const all = this.of(origin)?.erasures ?? [];
    return all.filter(({ erased: { seq } }) => seq >= first && seq <= last);
  }

  /** What the verdict on a stream rests on, with what is recorded of it: one that was ok may have to be erased now (R2.2). */
  basisOf(origin: string, basis: string): string {
    const erasures = this.of(origin)?.erasures ?? [];
    if (erasures.length === 0) return basis; // an ok never rests on whether the logs were whole
    return hash('sha256', JSON.stringify([basis, erasures.map(formatErasure).sort()]), 'hex');
  }

  /** Whether the same is known of a stream. */
  saysSame(origin: string, other: RecordedNow): boolean {
    return this.of(origin)?.whole === other.of(origin)?.whole && this.basisOf(origin, '') === other.basisOf(origin, '');
  }

  /** The same, where it is not known whether more has been recorded since. */
  get notWhole(): RecordedNow {
    return new RecordedNow({
      of: (origin) => {
        const recorded = this.#book.of(origin);
        return recorded && { ...recorded, whole: false };
      },
    });
  }
}

/** Nothing is recorded, nor could be. */
const NOTHING = new RecordedNow({ of: () => undefined });

/** Where the erasure logs are, and what they are verified with. */
interface ErasureRules {
  readonly options: StreamOptions;
  readonly places: readonly LogPlace[];
  readonly memory: AuditMemory;
  /** Lists all places: gives the files of each family. Absent where whoever audits lists them anyway, and says so to {@link ErasureLogs.place}. */
  readonly listAll?: () => Promise<ReadonlyMap<string, readonly FamilyFile[]>>;
}

/** An erasure log as it was found. */
interface FoundLog {
  readonly files: readonly FamilyFile[];
  readonly stored: StoredText | undefined;
  readonly looks: readonly StreamLook[];
  /** Whether a file could not be looked into that may be one of them. */
  readonly hidden: boolean;
}

/** The erasure logs of one policy, in the places of an audit. */
export class ErasureLogs {
  readonly #rules: ErasureRules;
  readonly #families: readonly string[];
  /** Files of each family in whose folders more of them are looked for. */
  readonly #known = new Map<string, readonly FamilyFile[]>();
  #recorded: RecordedNow;
  #found: readonly FoundLog[] | undefined;
  #running: Promise<RecordedNow> | undefined;
  #next: Promise<RecordedNow> | undefined;

  constructor(rules: ErasureRules) {
    this.#rules = rules;
    this.#families = [...new Set(rules.options.erasures.map(familyOf))];
    this.#recorded = this.#families.length === 0 ? NOTHING : this.#unread;
  }

  /** What was read last. */
  get now(): RecordedNow {
    return this.#recorded;
  }

  /** The families of their streams. */
  get families(): readonly string[] {
    return this.#families;
  }

  /** Names files of a family that a listing has shown. */
  place(family: string, files: readonly FamilyFile[]): void {
    const known = new Map([...(this.#known.get(family) ?? []), ...files].map((file) => [file.name, file]));
    this.#known.set(family, [...known.values()]);
  }

  /**
   * What they record from now on: whatever was recorded before the call. Calls that wait are answered by one reading.
   *
   * @throws {@link TamperError} `ABORTED`; a log that cannot be read records nothing, and is not whole
   */
  async readAgain(): Promise<RecordedNow> {
    if (this.#families.length === 0) return this.#recorded;
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  /** The same, also of folders in which no file of them was known. @throws as {@link readAgain}, and what a listing throws */
  async readEverywhere(): Promise<RecordedNow> {
    const listed = await this.#rules.listAll?.();
    for (const family of this.#families) this.place(family, listed?.get(family) ?? []);
    return this.readAgain();
  }

  async #afterRunning(): Promise<RecordedNow> {
    await this.#running?.catch(() => undefined);
    await Promise.resolve(); // whoever asks before it begins is answered by it
    this.#running = this.#next;
    this.#next = undefined;
    this.#recorded = await this.#read();
    return this.#recorded;
  }

  get #unread(): RecordedNow {
    return new RecordedNow(new ErasureBook(this.#rules.options.erasures));
  }

  async #read(): Promise<RecordedNow> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        const found = await Promise.all(this.#families.map((family) => this.#find(family)));
        if (attempt < ATTEMPTS && found.some(({ hidden }) => hidden)) continue;
        if (this.#found !== undefined && isSameFound(this.#found, found)) return this.#recorded;
        this.#found = undefined;
        const recorded = await this.#verified(found);
        this.#found = found;
        return found.some(({ hidden }) => hidden) ? recorded.notWhole : recorded;
      } catch (error) {
        const failure = error instanceof UnreadableObject ? error.failure : error;
        if (failure instanceof Deleted || isGone(failure)) continue;
        if (!(failure instanceof TamperError) || ['INTERNAL', 'ABORTED'].includes(failure.code)) throw failure;
        if (failure.code !== 'NOT_FOUND') break; // its own line says why
      }
    }
    return this.#unread;
  }

  async #find(family: string): Promise<FoundLog> {
    const { memory, options } = this.#rules;
    const id = familyId(family);
    const stored = await memory.read(id);
    const remembered = stored && parseRemembered(stored.text, id, `${memory.name}: ${id}`);
    const known = this.#known.get(family) ?? [];
    await settling(known);
    const { files } = await lookAgain(family, known, remembered, this.#rules);
    this.#known.set(family, files.length === 0 ? known : files);
    const all = lookAtFamily(files, remembered, options.held.get(family) ?? []);
    const looks = all.filter((look) => options.erasures.includes(look.origin) && look.files.length > 0);
    const isRead = ({ name, sight }: FamilyFile): boolean =>
      sight !== undefined || all.some((look) => look.files.some((file) => file.name === name));
    return { files, stored, looks, hidden: !files.every(isRead) };
  }

  /** All of them, from the first entry on. What is remembered of one is held: one that was cut off records nothing. */
  async #verified(found: readonly FoundLog[]): Promise<RecordedNow> {
    const { options, places } = this.#rules;
    const looks = found.flatMap((one) => one.looks);
    if (looks.length === 0) return this.#unread;
    const origins = looks.map(({ origin }) => origin);
    const { given } = new FamilyReading(
      looks.flatMap(({ files }) => files),
      places,
    );
    const notesOf = ({ origin, remembered }: StreamLook): string[] =>
      [...options.heldOf(origin), remembered?.first, remembered?.newest].flatMap((note) => note ?? []);
    const held = [...new Set(looks.flatMap(notesOf))];
    const { recorded } = await verifyErasureLogs({ ...options.of(origins, false, held), ...given });
    const seen = looks.flatMap(({ remembered }) => remembered?.seen ?? []);
    if (seen.length === 0) return new RecordedNow(recorded);
    // as a held one it would prove what was in doubt; it only shows what was taken back
    const { report } = await verifyErasureLogs({ ...options.of(origins, false, [...held, ...seen]), ...given });
    return report.verdict === 'tampered' ? this.#unread : new RecordedNow(recorded);
  }
}

function isSameFound(one: readonly FoundLog[], other: readonly FoundLog[]): boolean {
  return one.every((found, at) => {
    const now = other[at];
    return now !== undefined && found.stored?.version === now.stored?.version && isSameLook(found, now);
  });
}
