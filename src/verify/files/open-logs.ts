import { setTimeout } from 'node:timers/promises';
import { isTamperError } from '../../errors.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { readError } from '../../foundation/regular-file.ts';
import { holdsPiecesAlone } from '../input/cut-line.ts';
import { readGzip } from '../input/gzip.ts';
import type { PeekedSource } from '../input/peek.ts';
import { peek, peekWhole, type Wanted } from '../input/peek.ts';
import type { SourceProblem } from '../input/source-problem.ts';
import { type FileForm, type FileHead, inMemory, lookAt, type Source, sourceOf } from '../input/sources.ts';
import type { IgnoredFiles, IgnoredWhy } from '../verdict/ignored-files.ts';
import type { FoundFile } from './found-files.ts';
import { findFiles } from './found-files.ts';
import { followed } from './moved-files.ts';
import { withNeighbours } from './rotated-files.ts';
import { type SeenFile, SeenFiles } from './seen-files.ts';

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
/** So often directories are looked at that do not come to rest. */
const ROUNDS = 10;
/** So often a name that was given is looked at while another file gets it, so far apart in milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 10;
/** So often with what has come since the look before: a file cannot be renamed and compressed and be missed each time. */
const FRESH_ROUNDS = 3;

/** Looks for an object named `integrity` in bytes that come in chunks. */
class MentionScan {
  readonly #mention: Buffer;
  #rest: Buffer = Buffer.alloc(0);

  constructor(mention = MENTION) {
    this.#mention = mention;
  }

  /** Whether one stands in this chunk, or begins in the one before. */
  finds(chunk: Buffer): boolean {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const mention = this.#mention;
    for (let at = bytes.indexOf(mention); at >= 0; at = bytes.indexOf(mention, at + 1)) {
      const after = at + mention.length;
      if (AFTER.test(bytes.toString('latin1', after, after + AFTER_LENGTH))) return true;
    }
    this.#rest = Buffer.from(bytes.subarray(-mention.length - AFTER_LENGTH));
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

/** A file as it is now. */
async function look(file: FoundFile, form: FileForm, wanted: Wanted | undefined): Promise<SeenFile> {
  const head = lookAt(file.path);
  const { size, identity } = head;
  return { path: file.path, size, identity, log: await judge(file, head, form, wanted) };
}

/**
 * The same of one that may be renamed or compressed just now; undefined where it is gone and may be. A name that was given
 * has to be there.
 */
async function lookAgain(
  file: FoundFile,
  form: FileForm,
  wanted: Wanted | undefined,
  mayBeGone: boolean,
): Promise<SeenFile | undefined> {
  for (let attempt = 1; ; attempt++) {
    // its writer puts the compressed file there before it takes this one away
    const path = attempt === 1 || !file.listed ? file.path : `${file.path}.gz`;
    try {
      return await look({ ...file, path }, form, wanted);
    } catch (error) {
      const isAway = isGone(error) || isTamperError(error, 'NOT_FOUND');
      if (isAway && attempt < (file.listed ? 2 : ATTEMPTS)) {
        if (!file.listed) await setTimeout(PAUSE_MS);
        continue;
      }
      if (mayBeGone && isAway) return undefined;
      throw readError(path, error, 'Check that you may read it; use - to read a pipe.');
    }
  }
}

/** A file with what it begins with; why it is left out, if it is. */
async function judge(
  { path, stray, listed }: FoundFile,
  head: FileHead,
  form: FileForm,
  wanted: Wanted | undefined,
): Promise<PeekedSource | IgnoredWhy> {
  const source = sourceOf(path, head, form);
  if (stray && head.size === 0 && head.whole?.length === 0) return 'empty';
  const whole = source.carrier === undefined ? head.whole : undefined;
  // the next look takes the place of this one, so what is waited for has a copy
  const bytes = head.gzip && whole !== undefined ? await expandSmall(Buffer.from(whole)) : whole;
  const known = bytes === undefined ? await peek(source, wanted) : peekWhole(bytes, wanted);
  const log = { source: followed(source, known, form), peek: known, listed };
  if (known.tag !== undefined) return log;
  const pieces = await holdsPiecesAlone(source);
  if (!stray) return pieces ? { ...log, pieces: 'sealed' } : log;
  const nothing = bytes === undefined ? await nothingSealed(source) : !new MentionScan().finds(bytes);
  if (pieces) return { ...log, pieces: nothing ? 'unknown' : 'sealed' };
  return nothing ? 'nothing sealed' : log;
}

/** The logs in their places. Pieces that belong beside no file of a log are none of it. */
function inPlace(logs: readonly PeekedSource[], ignored: IgnoredFiles): PeekedSource[] {
  return withNeighbours(logs).filter(({ pieces, neighbour, source }) => {
    const isOfNone = pieces === 'unknown' && neighbour === undefined;
    if (isOfNone) ignored.add(source.name, 'nothing sealed');
    return !isOfNone;
  });
}

/**
 * Opens the logs behind the paths. A file that was named is always taken. `wanted` says which streams the auditor names.
 * Directories are looked at until nothing has changed in them meanwhile: a file that is renamed between two looks is under
 * neither of its names in one of them (M8.2).
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`
 */
export async function openLogs(
  paths: readonly string[],
  form: FileForm,
  ignored: IgnoredFiles,
  wanted?: Wanted,
): Promise<PeekedSource[]> {
  const seen = new SeenFiles();
  for (let round = 1, isNew = true; isNew && round <= ROUNDS; round++) {
    isNew = false;
    ignored.clear();
    for await (const file of findFiles(paths, ignored, round > 1)) {
      const settled = round === 1 ? undefined : seen.settled(file.path);
      const one = settled ?? (await lookAgain(file, form, wanted, file.listed || round > 1));
      if (one === undefined) isNew = true;
      else if (settled === undefined && !(file.listed && seen.isLater(one)) && seen.add(one)) isNew = true;
      if (typeof one?.log === 'string') ignored.add(file.path, one.log);
    }
    if (round >= FRESH_ROUNDS) seen.takeNothingLater();
  }
  return inPlace(seen.logs, ignored);
}
