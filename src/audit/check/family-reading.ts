import { hash } from 'node:crypto';
import type { VerifyOptions } from '../../verify/auditor/options.ts';
import type { ReadingObserver } from '../../verify/auditor/reading-observer.ts';
import type { LogPlace, PlacedFile, PlacedReading } from '../place/log-place.ts';
import type { StreamFile } from './family-look.ts';

/** The files of streams as the verifier gets them, and what it read of them. */

/** A checkpoint line of so many entries; the digest is that of its note. */
interface EarlierCheckpoint {
  readonly size: number;
  readonly digest: string;
}

/** What was read of a file. */
export interface ReadFile {
  readonly content: PlacedFile;
  /** The checkpoint lines in it that are about entries before its first one. */
  readonly earlier: readonly EarlierCheckpoint[];
}

/** More of them than this are not told apart, in one file. */
const MOST_EARLIER = 1000;
/** Stands for all of them then. It is never remembered. */
const TOO_MANY: EarlierCheckpoint = { size: 0, digest: '' };

/** One reading of files. */
export class FamilyReading {
  readonly given: Pick<VerifyOptions, 'paths' | 'stored' | 'observer'>;
  readonly #readings = new Map<LogPlace, PlacedReading>();
  readonly #placeOf = new Map<string, LogPlace>();
  readonly #earlier = new Map<string, EarlierCheckpoint[]>();

  /** Each file is read from the place that has it; one of a place that is named no more is not here. */
  constructor(files: readonly StreamFile[], places: readonly LogPlace[]) {
    const byPlace = new Map<LogPlace, PlacedFile[]>();
    const begins = new Map(files.map(({ name, firstSeq }) => [name, firstSeq]));
    for (const file of files) {
      const place = places.find((one) => one.holds(file.name));
      if (place === undefined) continue;
      this.#placeOf.set(file.name, place);
      byPlace.set(place, [...(byPlace.get(place) ?? []), file]);
    }
    for (const [place, own] of byPlace) this.#readings.set(place, place.toVerify(own));
    const readings = [...this.#readings.values()];
    const observer: ReadingObserver = {
      read: (...args) => {
        for (const { onRead } of readings) onRead?.(...args);
      },
      checkpoint: (file, size, note) => {
        if (size < (begins.get(file) ?? Number.POSITIVE_INFINITY)) this.#add(file, size, note);
      },
    };
    const stored: NonNullable<VerifyOptions['stored']> = readings.flatMap((one) => one.stored ?? []);
    this.given = { paths: readings.flatMap(({ paths }) => paths), stored, observer };
  }

  /** What was read of one of them. */
  fileRead(file: PlacedFile): ReadFile {
    const place = this.#placeOf.get(file.name);
    const reading = place && this.#readings.get(place);
    return { content: reading?.asRead(file) ?? file, earlier: this.#earlier.get(file.name) ?? [] };
  }

  #add(file: string, size: number, note: string): void {
    const known = this.#earlier.get(file);
    if (known === undefined) this.#earlier.set(file, [{ size, digest: hash('sha256', note, 'base64url') }]);
    else if (known.length < MOST_EARLIER) known.push({ size, digest: hash('sha256', note, 'base64url') });
    else known[0] = TOO_MANY;
  }
}
