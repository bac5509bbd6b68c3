import type { Source } from '../input/sources.ts';
import type { FindingCode, Place } from '../model/findings.ts';
import { erasedCopies } from './erased-copies.ts';
import { contentOf, type FileContent } from './file-content.ts';

/** Whether two files that begin with one entry are copies of one another, and which of them is read (M8.2). */

/** A file with what it holds. */
export interface FileInHand {
  readonly source: Source;
  readonly content: FileContent;
}

/** Two files that begin with one entry: the one that is read, and what the other one is beside it. */
export interface Pair {
  readonly read: FileInHand;
  readonly left: FileInHand;
  readonly how:
    | 'same'
    | 'earlier copy'
    | 'erased copy'
    | 'unerased copy'
    | 'converted copy'
    | 'in another encoding'
    | 'damaged'
    | 'different';
}

/** Whether every line has another ending than it was sealed with, or a byte order mark stands before them. */
const isConverted = ({ ends, marked }: FileContent): boolean => ends === 'crlf' || marked;

/** Its last line has lost its end. */
const isTorn = ({ linesLength, plainLength }: FileContent): boolean => linesLength < plainLength;

/** How little of a file is as it was written: two of which this is equal are told as the same, in whatever order they come. */
const alteration = (content: FileContent): number =>
  8 * Number(isTorn(content)) +
  4 * Number(isConverted(content)) +
  2 * Number(content.trailing) +
  Number(content.filled);

/**
 * Compares two files. Of copies the longer one is read; of those that say the same, the one that least was done to, then the
 * longer one where both end otherwise than as lines do, and then the first by name: in whatever order they come, the manifest beside one of them is asked.
 */
export async function compared(first: FileInHand, second: FileInHand): Promise<Pair> {
  const [one, two] = [first.content, second.content];
  const longer = two.plainLength - one.plainLength;
  const less = alteration(one) - alteration(two);
  const isFuller = one.filled && one.length !== two.length ? two.length > one.length : undefined;
  const asWritten = longer === 0 && (less > 0 || (less === 0 && (isFuller ?? second.source.name < first.source.name)));
  const damaged = one.damaged || two.damaged;
  const isSecond = one.damaged !== two.damaged ? one.damaged : longer > 0 || asWritten;
  const [read, left] = isSecond ? [second, first] : [first, second];
  const how = damaged ? 'damaged' : await likeness(read, left);
  if (how !== 'different') return { read, left, how };
  if (two.inOtherEncoding) return { read: first, left: second, how: 'in another encoding' };
  if (one.inOtherEncoding) return { read: second, left: first, how: 'in another encoding' };
  return (await apartFromErasures(first, second)) ?? { read: first, left: second, how };
}

/**
 * Two files that differ only in what stands erased (M8.2). The longer one is read, without which the log would have no end; of two
 * that are as long, the one of which less is erased.
 */
async function apartFromErasures(first: FileInHand, second: FileInHand): Promise<Pair | undefined> {
  const copies = await erasedCopies(first, second);
  if (copies === undefined) return undefined;
  const [one, two] = [copies.first, copies.second];
  const less = alteration(first.content) - alteration(second.content);
  const byName = second.source.name < first.source.name ? 1 : -1;
  const isSecond = (two.lines - one.lines || one.erased.count - two.erased.count || less || byName) > 0;
  const [read, left] = isSecond ? [second, first] : [first, second];
  if (isConverted(left.content) && !isConverted(read.content)) return { read, left, how: 'converted copy' };
  const [kept, other] = isSecond ? [two, one] : [one, two];
  return { read, left, how: kept.erased.exceeds(other.erased, other.lines) ? 'unerased copy' : 'erased copy' };
}

/** Compares two files of which `long` is at least as long as `short`, by what both are without line endings and empty lines. */
async function likeness(long: FileInHand, short: FileInHand): Promise<Pair['how']> {
  const { content } = short;
  if (long.content.digest === content.digest) return 'same';
  const asLong = long.content.length === content.length && long.content.plainLength === content.plainLength;
  const begun = asLong ? long.content : await contentOf(long.source, content);
  const isShorter = long.content.plainLength > content.plainLength;
  if (begun?.digest === content.digest) return isShorter ? 'earlier copy' : 'same';
  const whole = long.content.ends !== 'both' && content.ends !== 'both';
  if (!whole) return 'different';
  if (begun?.plainDigest !== content.plainDigest && !(await beginsWithLinesOf(long.source, content)))
    return 'different';
  if (isConverted(long.content) !== isConverted(content)) return 'converted copy';
  return isShorter ? 'earlier copy' : 'same';
}

/** A backup was made between a crash inside a line and the next start, which set that line aside: it is no entry (M1.7). */
async function beginsWithLinesOf(
  source: Source,
  { linesLength, linesDigest, plainLength }: FileContent,
): Promise<boolean> {
  if (linesLength === 0 || linesLength === plainLength) return false;
  const begun = await contentOf(source, { length: 0, plainLength: linesLength });
  return begun?.plainDigest === linesDigest;
}

/** Where what is said of a copy goes. */
type Tell = (code: FindingCode, place: Place, message: string) => void;

/** What is said of files that are not read, once it is known which of several copies is read instead. */
export class LeftCopies {
  readonly #left = new Map<Source, { readonly pair: Pair; readonly seq: number | undefined; readonly tell: Tell }>();

  /** Both begin with entry `seq`. */
  add(pair: Pair, seq: number | undefined, tell: Tell): void {
    this.#left.set(pair.left.source, { pair, seq, tell });
  }

  /** Says it, in the order in which they were found. */
  async report(): Promise<void> {
    for (const { pair, seq, tell } of this.#left.values()) {
      let { read } = pair;
      for (let by = this.#left.get(read.source); by !== undefined; by = this.#left.get(read.source))
        read = by.pair.read;
      reportCopy(read === pair.read ? pair : await compared(read, pair.left), seq, tell);
    }
  }
}

/** Says what the file that is not read is, if anything is to be said. */
function reportCopy({ read, left, how }: Pair, seq: number | undefined, add: Tell): void {
  const { name } = read.source;
  const place = { file: left.source.name };
  if (how === 'damaged') {
    add('UNREADABLE', place, `this file and ${name} both begin with entry ${seq}, and compressed data is damaged`);
  } else if (how === 'earlier copy') {
    add(
      'EARLIER_COPY',
      place,
      `this file is an earlier copy of ${name}, which begins with all of it and is read instead`,
    );
  } else if (how === 'erased copy') {
    add(
      'EARLIER_COPY',
      place,
      `this file is a copy of ${name} from which records were erased; ${name} is read instead`,
    );
  } else if (how === 'unerased copy') {
    const message = `this file is an earlier copy of ${name}, which is read instead; records are still here that were erased there`;
    add('NOT_ERASED', place, message);
  } else if (how === 'converted copy') {
    const message = `this file is a copy of ${name}; of one of the two the line endings were converted`;
    add('LINE_ENDINGS_CONVERTED', place, message);
  } else if (how === 'in another encoding') {
    const message = `a program wrote ${left.source.name} in another encoding; ${name} is read instead`;
    add('ENCODING_CONVERTED', place, message);
  } else if (how === 'different') {
    add('FORK', place, `this file and ${name} both begin with entry ${seq} but differ: the log was forked`);
    return; // it is read
  }
  if (left.content.trailing) add('GZIP_TRAILING', place, 'there are bytes after the compressed data of this copy');
}
