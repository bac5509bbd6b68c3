import type { FileHandle } from 'node:fs/promises';
import { isTamperError, systemCode } from '../../errors.ts';
import { readManifest } from '../../format/manifest-reading.ts';
import { Deleted, isGone } from '../../foundation/file-identity.ts';
import { UnreadableObject } from '../../storage/read-range.ts';
import { toldBy } from '../found/judge.ts';
import { isReplaced } from '../found/moved-files.ts';
import { besideNeighbours } from '../found/rotated-files.ts';
import { beginsInsideLine } from '../input/cut-line.ts';
import { behind, FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import type { Peek, PeekedSource } from '../input/peek.ts';
import type { Source } from '../input/sources.ts';
import type { OnBeside } from '../input/unwrapping.ts';
import type { Findings } from '../model/findings.ts';
import type { LargeFiles } from '../parallel/parallel-reading.ts';
import type { StreamState } from '../state/state.ts';
import { findManifest, manifestName } from '../stream/manifests.ts';
import type { StreamVerifier } from '../stream/stream-verifier.ts';
import type { ManifestAlone } from '../verdict/ignored-files.ts';
import type { FileDetails } from '../verdict/report.ts';
import { compared, LeftCopies } from './copies.ts';
import { contentOf, type FileContent } from './file-content.ts';
import { FileTally } from './file-tally.ts';
import { WholeSoFar } from './whole-so-far.ts';

/** The files of one stream, put in order and read one after another (spec 8.2). */

/** A file of checkpoints alone comes behind the entries that they are about; one of which nothing is known, at the end. */
function placeOf({ seq, noted }: Peek): number {
  return seq ?? (noted === undefined ? Number.MAX_SAFE_INTEGER : noted.size + 0.5);
}

/** Files by the seq of their first entry; copies of one count once, two files for one range are a fork (M8.2). */
export async function orderFiles(files: readonly PeekedSource[], findings: Findings): Promise<PeekedSource[]> {
  const ordered = [...files].sort((a, b) => placeOf(a.peek) - placeOf(b.peek));
  const kept: PeekedSource[] = [];
  const left = new LeftCopies();
  let content: FileContent | undefined; // of the last one kept: it is read once, whatever claims its place
  for (const file of ordered) {
    const before = kept.at(-1);
    if (before === undefined || file.peek.seq === undefined || before.peek.seq !== file.peek.seq) {
      kept.push(file);
      content = undefined;
      continue;
    }
    content ??= await contentOf(before.source);
    const other = await contentOf(file.source);
    if (other === undefined) continue;
    if (content !== undefined) {
      const pair = await compared({ source: before.source, content }, { source: file.source, content: other });
      const { seq } = file.peek;
      left.add(pair, seq, (code, place, message) =>
        findings.add(code, code === 'NOT_ERASED' ? place : { ...place, seq }, message),
      );
      if (pair.read.source === before.source) continue;
    }
    kept.splice(-1, 1, file);
    content = other;
  }
  await left.report();
  return besideNeighbours(await betweenLines(kept));
}

/** Whatever has begun before a file, it may be whole. */
const WHOLE = Buffer.from('{}');

/** A carrier's file of checkpoints alone, in whatever way it came there, must not part a line that goes on in the next file. */
async function betweenLines(ordered: readonly PeekedSource[]): Promise<PeekedSource[]> {
  const placed: PeekedSource[] = [];
  let waiting: PeekedSource[] = [];
  for (const file of ordered) {
    const { source, peek, pieces, neighbour } = file; // one with a neighbour stands where its name says
    const isOfCheckpoints =
      source.carrier !== undefined && peek.seq === undefined && pieces === undefined && neighbour === undefined;
    if (isOfCheckpoints) waiting.push(file);
    else if (waiting.length > 0 && (await beginsInsideLine(source, WHOLE))) placed.push(file);
    else {
      placed.push(...waiting, file);
      waiting = [];
    }
  }
  return [...placed, ...waiting];
}

/** The manifest of a file; why there is none, where one is there and cannot be read. */
interface FoundManifest {
  readonly bytes?: Buffer;
  readonly problem?: string;
}

/** A manifest that cannot be read leaves its file as it is and is said (M7.1): it is an index, never an authority. */
async function manifestOf(
  { source, peek }: PeekedSource,
  given: readonly string[],
  origin?: string,
): Promise<FoundManifest> {
  if (!source.repeatable || source.carrier !== undefined) return {}; // a manifest is about the bytes that the writer wrote
  try {
    const bytes = await findManifest(source, given);
    // what stands beside the name by now may be of the file that took it; asked after the reading, so that it is not
    if (bytes === undefined || (await isReplaced(source, peek))) return {};
    return origin !== undefined && isOfAnother(bytes, peek, origin) ? {} : { bytes };
  } catch (error) {
    if (!isTamperError(error, 'READ_FAILED')) throw error;
    return { problem: `its manifest: ${error.message}` };
  }
}

/** Manifests beside copies, which are not `read`: they describe files that are missing (M7.1), of any stream. */
export async function manifestsOfCopies(
  files: readonly PeekedSource[],
  read: readonly PeekedSource[] = [],
  given: readonly string[] = [],
): Promise<ManifestAlone[]> {
  const isRead = new Set(read.map(({ source }) => source.name));
  const alone: ManifestAlone[] = [];
  for (const file of files) {
    const { bytes } = isRead.has(file.source.name) ? {} : await manifestOf(file, given);
    const reading = bytes === undefined ? undefined : readManifest(bytes);
    if (reading !== undefined && 'manifest' in reading)
      alone.push({ ...toldBy(reading.manifest), name: manifestName(file.source.name), beside: true });
  }
  return alone;
}

/** M7.1: a file in which no stream has a line may lie where a file of another stream lay. */
function isOfAnother(bytes: Buffer, { tag, noted }: PeekedSource['peek'], origin: string): boolean {
  if (tag !== undefined || noted !== undefined) return false;
  const reading = readManifest(bytes);
  return 'manifest' in reading && reading.manifest.origin !== origin;
}

/**
 * The streams of whose files manifests stand beside empty ones: such a file has taken the name of another, as with logrotate's
 * `create`, and belongs where that belongs.
 */
export async function ownersOfEmpty(
  files: readonly PeekedSource[],
  given: readonly string[] = [],
): Promise<Map<PeekedSource, string>> {
  const owners = new Map<PeekedSource, string>();
  for (const file of files) {
    if (!file.peek.empty && file.peek.blank !== true) continue;
    const { bytes } = await manifestOf(file, given); // one that cannot be read does not say whose the file was
    const reading = bytes === undefined ? undefined : readManifest(bytes);
    if (reading !== undefined && 'manifest' in reading) owners.set(file, reading.manifest.origin);
  }
  return owners;
}

/** Manifests that stand beside files which have taken the names of others. */
interface MovedManifests {
  /** By the file that one is of: the manifest, and the file it stands beside. */
  readonly byFile: ReadonlyMap<PeekedSource, { readonly bytes: Buffer; readonly beside: PeekedSource }>;
  /** The files they stand beside. */
  readonly beside: ReadonlySet<PeekedSource>;
}

/**
 * Manifests of files that were renamed or compressed since, as logrotate does: an empty file has taken the name. Each is that of
 * the file whose first entry it names, if that has none of its own, or the same.
 */
async function movedManifests(
  files: readonly PeekedSource[],
  given: readonly string[],
  origin: string,
): Promise<MovedManifests> {
  const byFile = new Map<PeekedSource, { bytes: Buffer; beside: PeekedSource }>();
  const elsewhere = new Set<PeekedSource>();
  for (const beside of files) {
    if (!beside.peek.empty || !beside.source.repeatable) continue;
    const { bytes } = await manifestOf(beside, given, origin);
    const reading = bytes === undefined ? undefined : readManifest(bytes);
    if (bytes === undefined || reading === undefined || !('manifest' in reading)) continue;
    const file = files.find(({ peek }) => peek.seq === reading.manifest.first_seq);
    if (file === undefined || !file.source.repeatable) continue;
    const own = await manifestOf(file, given, origin);
    if (own.bytes?.equals(bytes) === true) elsewhere.add(beside);
    else if (own.bytes === undefined && own.problem === undefined) {
      byFile.set(file, { bytes, beside });
      elsewhere.add(beside);
    }
  }
  return { byFile, beside: elsewhere };
}

/** How the files of a stream are read. */
export interface FileReading {
  /** Told how many bytes have been read. */
  readonly onBytes: (bytes: number) => void;
  readonly onBeside?: OnBeside;
  /** Paths of manifests that do not stand beside their files. */
  readonly manifests?: readonly string[] | undefined;
  /** How large files are read; absent: as all others. */
  readonly large?: LargeFiles | undefined;
  /** Whether the report has the SHA-256 of each file. */
  readonly digestFiles?: boolean | undefined;
  /** Whether all is looked at again where a listed file was deleted. */
  readonly again?: boolean;
}

/**
 * Reads every file of a stream, with its manifest, through its verifier. Who keeps logs for a time deletes the oldest first:
 * where that is done before anything was read, the log begins later, as if it had been done before.
 *
 * @returns what was read to its end
 * @throws {@link Deleted} where a listed file was deleted and `again` says so
 */
export async function readFiles(
  verifier: StreamVerifier,
  files: readonly PeekedSource[],
  { onBytes, onBeside, manifests = [], large, digestFiles = false, again = false }: FileReading,
): Promise<FileDetails[]> {
  const read: FileDetails[] = [];
  const { origin } = verifier.state.auditor;
  const moved = await movedManifests(files, manifests, origin);
  const lines = new FileLines(verifier, onBeside);
  for (const [at, file] of files.entries()) {
    const { source, peek } = file;
    const known = moved.byFile.get(file);
    const own: FoundManifest = moved.beside.has(file) ? {} : await manifestOf(file, manifests, origin);
    verifier.beginFile(source.name, known?.bytes ?? own.bytes, known?.beside.source.name);
    if (own.problem !== undefined) verifier.state.find('UNREADABLE', own.problem);
    if (peek.empty && source.repeatable) verifier.state.find('EMPTY_FILE', 'this file is empty');
    const isFirst = verifier.state.order.next === 0 && file !== files.at(-1);
    const mayBeDeleted = file.listed === true && (isFirst || again);
    const tally = new FileTally(source, digestFiles);
    const before = verifier.state.order.next;
    const turn = { source, following: behind(files, at), lines, mayBeDeleted, again, tally };
    const onRead = (bytes: number): void => {
      tally.addBytes(bytes);
      onBytes(bytes);
    };
    if (!(await readFile(verifier, turn, onRead, large))) {
      if (isFirst) continue;
      throw new Deleted(`${source.name} was deleted before it could be read`);
    }
    await verifier.endFile(file.listed === true && peek.hidden === undefined, files[at + 1]?.peek.seq);
    if (verifier.state.coverage.stopped || verifier.state.coverage.unread) break;
    read.push(tally.details(Math.max(before, verifier.state.order.firstSeq), verifier.state.order.next - 1));
  }
  return read;
}

/** A file whose turn it is. */
interface Turn {
  readonly source: Source;
  /** The files after it. */
  readonly following: Iterable<Source>;
  readonly lines: FileLines;
  readonly mayBeDeleted: boolean;
  /** Whether all is looked at again where an object was replaced. */
  readonly again: boolean;
  readonly tally: FileTally;
}

/** @returns false where the file was deleted before anything of it was read, and may be */
async function readFile(
  verifier: StreamVerifier,
  { source, following, lines, mayBeDeleted, again, tally }: Turn,
  onBytes: (bytes: number) => void,
  large: LargeFiles | undefined,
): Promise<boolean> {
  const { state } = verifier;
  const splitter = lines.begin(source);
  try {
    const file = large !== undefined && source.size >= large.from ? await openLarge(source) : undefined;
    if (large !== undefined && file !== undefined) {
      tally.withoutDigest();
      try {
        await large.read(verifier, splitter, file, onBytes);
      } finally {
        await file.close();
      }
      if (!state.coverage.stopped) await lines.end(splitter, following);
      return true;
    }
    const whole = new WholeSoFar(() => [state]);
    for await (const chunk of source.read(whole.onProblem, whole.onWhole)) {
      onBytes(chunk.length);
      tally.addChunk(chunk);
      await splitter.push(chunk);
      if (state.coverage.stopped) return true;
    }
    await lines.end(splitter, following);
  } catch (error) {
    if (mayBeDeleted && isGone(error)) return false; // what is open stays readable
    if (again && source.stored && isGone(error))
      throw new Deleted(`${source.name} was replaced before it could be read`);
    stopReading(state, error);
  }
  return true;
}

/** A file that has another name by now is found by its own reading. */
async function openLarge(source: Source): Promise<FileHandle | undefined> {
  try {
    return await source.openPlain?.();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** What keeps the reader from a file's end leaves everything from there on undecided (spec 8.12). */
export function stopReading(state: StreamState, error: unknown): void {
  if (error instanceof LineTooLong) {
    state.place.at(error.line, error.offset);
    state.find('LIMIT', `${error.message}; nothing from here on can be decided`);
  } else if (error instanceof UnreadableObject) {
    state.find('UNREADABLE', `the object cannot be read to its end: ${error.message}`);
  } else {
    if (systemCode(error) === '') throw error;
    state.find('UNREADABLE', `the file cannot be read to its end (${systemCode(error)})`);
  }
  state.coverage.stop();
}
