import type { Readable } from 'node:stream';
import { readControl } from '../../format/control.ts';
import { formatKeyReference, type KeyReference } from '../../format/key-reference.ts';
import { tagOf } from '../../format/origin.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import { Allowance } from '../model/allowance.ts';
import { filesInOrder, type WalkedLine, walk } from './walk.ts';

/** The key periods that sealed files speak of. Nothing is verified and nothing is trusted. */

/** One key period, as an open or a hand-over introduces it. */
export interface KeyPeriod {
  /** The stream; undefined where no open of it says its name. */
  readonly origin: string | undefined;
  /** `TAG.EPOCH`. */
  readonly kid: string;
  readonly number: number;
  /** Seq of the first entry under it. */
  readonly firstSeq: number;
  /** Seq of the last entry that was seen under it; below `firstSeq` where there is none. */
  readonly lastSeq: number;
  readonly reference: KeyReference;
  /** What introduces it: the `why` of an open, or `hand-over`. */
  readonly introducedBy: string;
  readonly file: string;
  readonly line: number;
}

/** What a log says of its keys. */
export interface KeyPeriods {
  readonly periods: readonly KeyPeriod[];
  /** Number of entries, of whatever kind. */
  readonly entries: number;
  /** What kept the reading from a file's end, and what was passed over. */
  readonly problems: readonly string[];
  /** Whether all that the files name was taken: a log may name more than a verifier reads. */
  readonly complete: boolean;
}

/** Where to look, and which streams are known by name. */
export interface KeyPeriodsOptions {
  readonly paths: readonly string[];
  /** The bytes behind the path `-`. */
  readonly input?: Readable;
  /** What wrapped the lines on their way. */
  readonly unwrap?: CarrierName | undefined;
  /** Streams whose names are known without the log. */
  readonly origins?: readonly string[];
}

const KEPT_PROBLEMS = 100;

type Seen = Omit<KeyPeriod, 'origin' | 'lastSeq'> & { readonly tag: string };

/** Collects what opens and hand-overs say, each key reference once. */
class Collector {
  readonly #seen = new Map<string, Seen>();
  /** The last entry under each KID that was introduced. */
  readonly #lastSeq = new Map<string, number>();
  readonly #names: Map<string, string>;
  readonly #allowance = new Allowance();
  complete = true;

  constructor(origins: readonly string[]) {
    this.#names = new Map(origins.map((origin) => [tagOf(origin), origin]));
  }

  take(line: WalkedLine): void {
    const { read, bytes } = line;
    if (read.type !== 'record' && read.type !== 'control') return;
    const kid = `${read.tag}.${read.epoch}`;
    const last = this.#lastSeq.get(kid);
    if (last !== undefined && read.seq > last) this.#lastSeq.set(kid, read.seq);
    if (read.type === 'record' || (read.kind !== 'open' && read.kind !== 'key')) return;
    const reading = readControl(bytes, read.seq, read.kind, kid, read.member);
    if (!('entry' in reading)) return;
    const { entry } = reading;
    if (entry.kind === 'open') {
      if (tagOf(entry.origin) === read.tag) this.#name(read.tag, entry.origin);
      this.#add(line, kid, entry.key, entry.epochSeq, read.seq, entry.why);
    } else if (entry.kind === 'key') {
      this.#add(line, entry.next, entry.key, read.seq + 2, 0, 'hand-over'); // its own entry and the seal are the old one's
    }
  }

  #name(tag: string, origin: string): void {
    if (this.#names.has(tag)) return;
    if (this.#allowance.take('streams')) this.#names.set(tag, origin);
    else this.complete = false;
  }

  #add(line: WalkedLine, kid: string, reference: KeyReference, firstSeq: number, lastSeq: number, why: string): void {
    const text = formatKeyReference(reference);
    const id = `${kid} ${text}`;
    if (this.#seen.has(id)) return;
    if (!this.#allowance.take('epochs') || !this.#allowance.take('keyBytes', text.length)) {
      this.complete = false;
      return;
    }
    if (!this.#lastSeq.has(kid)) this.#lastSeq.set(kid, lastSeq);
    const dot = kid.lastIndexOf('.');
    const { file, line: number } = line;
    const [tag, epoch] = [kid.slice(0, dot), Number(kid.slice(dot + 1))];
    this.#seen.set(id, { tag, kid, number: epoch, firstSeq, reference, introducedBy: why, file, line: number });
  }

  get periods(): KeyPeriod[] {
    return [...this.#seen.values()].map(({ tag, ...period }) => ({
      origin: this.#names.get(tag),
      ...period,
      lastSeq: this.#lastSeq.get(period.kid) ?? 0,
    }));
  }
}

/** Looks through sealed files for their key periods. @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED` */
export async function keyPeriods({ paths, input, unwrap, origins = [] }: KeyPeriodsOptions): Promise<KeyPeriods> {
  const { files, ignored, doubts } = await filesInOrder({ paths, input }, unwrap);
  const problems = doubts.map(({ file, message }) => `${file}: ${message}`);
  const leftOut = ignored.files.map(({ file, why }) => `${file}: left out (${why})`);
  problems.push(...leftOut);
  if (ignored.more > 0) problems.push(`and ${ignored.more} more files were left out`);
  const collector = new Collector(origins);
  let entries = 0;
  const visit = (line: WalkedLine): undefined => {
    if (line.read.type === 'record' || line.read.type === 'control') entries++;
    collector.take(line);
    return undefined;
  };
  await walk(files, visit, (file, message) => {
    if (problems.length < KEPT_PROBLEMS) problems.push(`${file}: ${message}`);
  });
  return { periods: collector.periods, entries, problems, complete: collector.complete };
}
