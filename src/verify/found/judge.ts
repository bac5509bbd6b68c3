import type { Manifest } from '../../format/manifest.ts';
import { MANIFEST_LIMIT, readManifest } from '../../format/manifest-reading.ts';
import { isManifest } from '../../foundation/log-file-names.ts';
import { holdsPiecesAlone } from '../input/cut-line.ts';
import { readGzip } from '../input/gzip.ts';
import { type MissingFile, type PeekedSource, peek, peekWhole, type Wanted } from '../input/peek.ts';
import type { SourceProblem } from '../input/source-problem.ts';
import { type FileHead, inMemory, type Source } from '../input/sources.ts';
import type { IgnoredFiles, IgnoredWhy } from '../verdict/ignored-files.ts';
import type { FoundFile } from './found-files.ts';
import { withNeighbours } from './rotated-files.ts';

/**
 * Files that stand in a directory beside a log and are none of it: left out and said so (M8.22). Leaving one out never
 * hides anything: it has no line that could be an entry, so what it may have held before is missing from its stream.
 */

const MENTION = Buffer.from('"integrity"', 'latin1');
/** The same in a string of a carrier's object. */
const MENTION_IN_STRING = Buffer.from('\\"integrity\\"', 'latin1');
/** What may stand between the name and the brace. */
const AFTER = /^[ \t\r\n]{0,32}:[ \t\r\n]{0,32}\{/;
const AFTER_LENGTH = 66;
/** A small compressed file is looked at whole if it expands to no more bytes. */
const EXPANDED = 256 * 1024;

/** Looks for an object named `integrity` in bytes that come in chunks. */
class MentionScan {
  readonly #mention: Buffer;
  #rest: Buffer = Buffer.alloc(0);

  constructor(mention = MENTION) {
    this.#mention = mention;
  }

  /** Whether one stands in this chunk, or begins in the one before. */
  finds(chunk: Buffer): boolean {
    const length = this.#mention.length + AFTER_LENGTH;
    // where two chunks meet, alone: a copy of each chunk would be memory that nobody collects in time
    const seam = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
    this.#rest = Buffer.from((chunk.length < length ? seam : chunk).subarray(-length));
    return this.#standsIn(seam) || this.#standsIn(chunk);
  }

  #standsIn(bytes: Buffer): boolean {
    const mention = this.#mention;
    for (let at = bytes.indexOf(mention); at >= 0; at = bytes.indexOf(mention, at + 1)) {
      const after = at + mention.length;
      if (AFTER.test(bytes.toString('latin1', after, after + AFTER_LENGTH))) return true;
    }
    return false;
  }
}

/** Whether no line of a file was ever ours; false where it cannot be read to its end. */
async function nothingSealed(source: Source): Promise<boolean> {
  const scans = [new MentionScan(), ...(source.carrier === undefined ? [] : [new MentionScan(MENTION_IN_STRING)])];
  let damaged = false;
  const onProblem = (): void => {
    damaged = true;
  };
  for await (const chunk of source.read(onProblem)) if (scans.some((scan) => scan.finds(chunk))) return false;
  return !damaged;
}

/** A compressed file that is small before and after: its bytes; undefined for any other. */
async function expandSmall(compressed: Buffer): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  const problems: SourceProblem[] = [];
  for await (const chunk of readGzip(inMemory(compressed), EXPANDED, (problem) => problems.push(problem)))
    chunks.push(chunk);
  return problems.length === 0 ? Buffer.concat(chunks) : undefined;
}

/** What a manifest says of its file. */
export function toldBy({
  origin,
  first_seq: firstSeq,
  last_seq: lastSeq,
  continues_from: before,
}: Manifest): MissingFile {
  return { origin, firstSeq, lastSeq, ...(before !== undefined && { after: before.origin }) };
}

/** What a manifest says of its file, which is not here; undefined for what is none. */
export async function lookAtManifest(source: Source): Promise<PeekedSource['peek'] | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source.read(() => undefined)) {
    length += chunk.length;
    if (length > MANIFEST_LIMIT) return undefined;
    chunks.push(Buffer.from(chunk));
  }
  const reading = readManifest(Buffer.concat(chunks));
  if (!('manifest' in reading)) return undefined;
  const missing = toldBy(reading.manifest);
  return { empty: false, tag: undefined, seq: undefined, origin: undefined, missing };
}

/** How a file begins, wherever it is. */
export type Head = Pick<FileHead, 'size' | 'gzip' | 'packed' | 'whole'>;

/** A file with what it begins with; why it is left out, if it is. */
export async function judge(
  source: Source,
  { stray, listed }: Pick<FoundFile, 'stray' | 'listed'>,
  head: Head,
  wanted: Wanted | undefined,
): Promise<PeekedSource | IgnoredWhy> {
  if (isManifest(source.name)) {
    const seen = await lookAtManifest(source);
    if (seen !== undefined) return { source, peek: seen, listed };
    if (stray) return 'beside a log';
  }
  if (stray && head.packed !== undefined) return 'not unpacked';
  if (stray && head.size === 0 && head.whole?.length === 0) return 'empty';
  const whole = source.carrier === undefined ? head.whole : undefined;
  // the next look takes the place of this one, so what is waited for has a copy
  const bytes = head.gzip && whole !== undefined ? await expandSmall(Buffer.from(whole)) : whole;
  const seen = bytes === undefined ? await peek(source, wanted) : peekWhole(bytes, wanted);
  if (stray && seen.hidden?.packed === true) return 'not unpacked';
  const { hidden, ...without } = seen;
  const mayBePage = stray && hidden?.mentions === true; // one beside a log may speak of it (M8.22)
  const log = { source, peek: mayBePage ? without : seen, listed };
  if (seen.tag !== undefined || (hidden?.code === 'RESERIALIZED' && !mayBePage)) return log;
  // before anything is waited for: another look may then have taken the place of these bytes
  const mentions = stray && bytes !== undefined && new MentionScan().finds(bytes);
  const pieces = await holdsPiecesAlone(source);
  if (!stray) return pieces ? { ...log, pieces: 'sealed' } : log;
  const nothing = bytes === undefined ? await nothingSealed(source) : !mentions;
  if (pieces) return { ...log, pieces: nothing ? 'unknown' : 'sealed' };
  return nothing ? 'nothing sealed' : log;
}

/** The logs in their places. Pieces that belong beside no file of a log are none of it, and so are manifests. */
export function inPlace(found: readonly PeekedSource[], ignored: IgnoredFiles): PeekedSource[] {
  const logs = found.filter(({ peek: { missing }, source: { name } }) => {
    if (missing !== undefined) ignored.manifests.push({ ...missing, name });
    return missing === undefined;
  });
  return withNeighbours(logs).filter(({ pieces, neighbour, source }) => {
    const isOfNone = pieces === 'unknown' && neighbour === undefined;
    if (isOfNone) ignored.add(source.name, 'nothing sealed');
    return !isOfNone;
  });
}
