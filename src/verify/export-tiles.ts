import type { Digest } from '../core/hash.ts';
import { MAX_ENTRY, narrowed, type TileFile, TileTree } from '../core/tiles.ts';
import { Frontier, hashLeaf } from '../core/tree.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { formatCheckpointText, MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../format/cosignature.ts';
import { mapBounded } from '../foundation/pool.ts';
import { verifyWitnessSignature } from '../keys/witness-signature.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { witnessingOf } from './auditor/witnesses.ts';
import { oneStream } from './prove-record.ts';
import type { TileDestination } from './tiles/directory-tiles.ts';
import { type SignedTree, TreeEntries } from './tiles/tree-entries.ts';
import { cosignaturesOf } from './trust/cosignatures.ts';
import type { StreamReport, VerifyReport } from './verdict/report.ts';
import { verifyKeeping } from './verify.ts';

/** A log that was verified in the same pass, as C2SP tlog-tiles (spec/evidence.md, section 5). */

/** What to verify, and where its tiles go. */
export interface ExportTilesOptions extends VerifyOptions {
  readonly destination: TileDestination;
}

/** Why nothing is exported although the log is ok. */
export interface ExportRefusal {
  /**
   * `UNSIGNED`: no proven checkpoint is signed by a public key that was named. `UNWITNESSED`: none that is has the cosignatures
   * that are demanded. `ENTRIES_MISSING`: the files do not begin with the first entry. `ENTRY_TOO_LONG`: an entry has more than
   * 65,535 bytes, which no bundle can hold. `OTHER_TREE`: the destination has something else than tiles of this log, or more
   * entries than are proven here.
   */
  readonly code: 'UNSIGNED' | 'UNWITNESSED' | 'ENTRIES_MISSING' | 'ENTRY_TOO_LONG' | 'OTHER_TREE';
  readonly message: string;
}

/** What the destination has now. */
export interface ExportedTree {
  readonly origin: string;
  /** How many entries the checkpoint covers; they are all there. */
  readonly size: number;
  /** How many it covered before; 0 for a new one. */
  readonly before: number;
  /** How many tiles and bundles were written. */
  readonly files: number;
  /** Whether a record has no salt and is not erased: its line can be read in a bundle. */
  readonly readable: boolean;
  /** The checkpoint there, a signed note. */
  readonly checkpoint: string;
}

/** Tiles, or why there are none. */
export interface ExportedTiles {
  /** The report on the whole log; tiles are written only if its verdict is ok. */
  readonly report: VerifyReport;
  /** Absent if nothing was exported. */
  readonly exported?: ExportedTree;
  /** Why nothing was, if the verdict is ok. */
  readonly refusal?: ExportRefusal;
}

/** A checkpoint that is at the destination. */
interface Found extends SignedCheckpoint {
  readonly note: string;
  readonly version: string;
}

/** What is at the destination of one tile or bundle: itself, or partial ones of smaller trees. */
interface TileThere {
  /** By path, in bytes. */
  readonly sizes: Map<string, number>;
  /** It is one of this tree. */
  known: boolean;
}

const CHECKPOINT = 'checkpoint';
/** `.p/W` of a partial tile. */
const PARTIAL = /\.p\/([1-9]\d{0,2})$/;
/** Files are compared or written together when they are so many or so long. */
const BATCH = 32;
const BATCH_BYTES = 4 * 1024 * 1024;
const CONCURRENCY = 8;

/**
 * Verifies, and if the verdict is ok compares what the destination has and writes what it has not. `jobs` is not used.
 *
 * @throws {@link TamperError} as `exportTiles` of the package
 */
export async function exportTiles({ destination, ...options }: ExportTilesOptions): Promise<ExportedTiles> {
  const there = await find(destination);
  const entries = new TreeEntries();
  try {
    // bytes that another process checks are not the ones that are read here
    const report = await verifyKeeping({ ...options, jobs: 1 }, entries);
    if (report.verdict !== 'ok') return { report };
    const stream = oneStream(report, options);
    const { origin } = stream;
    const tree = entries.newestSigned;
    if (tree === undefined) return { report, refusal: unsigned(entries) };
    const { size } = tree;
    const refusal = refusalOf(tree, stream, entries, there, `${destination.name}/${CHECKPOINT}`);
    if (refusal !== undefined) return { report, refusal };
    const present = await tilesAt(destination);
    const strange = await strangeAt(destination, entries, size, present);
    if (strange !== undefined) {
      const message = `${destination.name}/${strange} is not of the first ${size} entries of this log`;
      return { report, refusal: { code: 'OTHER_TREE', message } };
    }
    const checkpoint = await noteOf(tree, there, witnessingOf(options, origin)?.witnesses ?? []);
    const files = await write(destination, entries, size, present);
    await publish(destination, there, checkpoint);
    return {
      report,
      exported: { origin, size, before: there?.size ?? 0, files, readable: entries.readable, checkpoint },
    };
  } finally {
    entries.close();
  }
}

/** @throws {@link TamperError} `USAGE` if something else has its name; what the destination throws */
async function find(destination: TileDestination): Promise<Found | undefined> {
  const other = (cause?: TamperError): TamperError =>
    new TamperError('USAGE', `${destination.name}/${CHECKPOINT} is not a checkpoint of a sealed log`, {
      cause,
      hint: 'Name another place for the tiles: one that is empty, or that has the tiles of this log.',
    });
  try {
    const stored = await destination.get(CHECKPOINT, MAX_NOTE);
    if (stored === undefined) return undefined;
    const note = stored.bytes.toString('utf8');
    const checkpoint = parseSignedCheckpoint(note);
    if (checkpoint === undefined) throw other();
    return { ...checkpoint, note, version: stored.version };
  } catch (error) {
    throw isTamperError(error, 'RESPONSE_MALFORMED') ? other(error) : error; // too long, in a bucket
  }
}

function unsigned({ isSigned }: TreeEntries): ExportRefusal {
  if (isSigned) {
    const message =
      'no proven checkpoint has a signature and all the cosignatures that you demand, in a note of at most 64 KiB';
    return { code: 'UNWITNESSED', message };
  }
  const message = 'no proven checkpoint is signed by a public key that you named; others could not check the tiles';
  return { code: 'UNSIGNED', message };
}

/** E5.1, E5.2, E5.5: every entry is looked at before anything is written. `name` is that of the checkpoint there. */
function refusalOf(
  tree: SignedTree,
  { origin, firstSeq }: StreamReport,
  entries: TreeEntries,
  there: Found | undefined,
  name: string,
): ExportRefusal | undefined {
  if (firstSeq > 1)
    return { code: 'ENTRIES_MISSING', message: `the files begin at entry ${firstSeq}; tiles need them all` };
  let root: Digest | undefined;
  const frontier = new Frontier();
  for (const { seq, line } of entries.upTo(tree.size)) {
    if (seq !== frontier.size + 1) throw new TamperError('INTERNAL', `entry ${frontier.size + 1} was not kept`);
    if (line.length > MAX_ENTRY) {
      const message = `entry ${seq} has ${line.length} bytes; a bundle of tlog-tiles holds none above ${MAX_ENTRY}`;
      return { code: 'ENTRY_TOO_LONG', message };
    }
    frontier.append(hashLeaf(line));
    if (seq === there?.size) root = frontier.root();
  }
  if (formatCheckpointText({ origin, size: frontier.size, root: frontier.root() }) !== tree.text)
    throw new TamperError('INTERNAL', `the entries that were kept are not those of the checkpoint of ${tree.size}`);
  if (there === undefined) return undefined;
  const other = (why: string): ExportRefusal => ({ code: 'OTHER_TREE', message: `${name} ${why}` });
  if (there.origin !== origin) return other(`is of the stream ${there.origin}, not of ${origin}`);
  if (there.size > tree.size)
    return other(`is of ${there.size} entries, but only ${tree.size} are proven here and signed`);
  return root === there.root ? undefined : other(`is of other entries than the first ${there.size} of this log`);
}

/** By the path of the full tile. */
async function tilesAt(destination: TileDestination): Promise<Map<string, TileThere>> {
  const present = new Map<string, TileThere>();
  for await (const { key, size } of destination.tiles()) {
    const full = key.replace(PARTIAL, '');
    const one = present.get(full) ?? { sizes: new Map(), known: false };
    present.set(full, one);
    one.sizes.set(key, size);
  }
  return present;
}

/** All tiles and bundles of the first `size` entries, some at a time. */
function* treeOf(entries: TreeEntries, size: number): Generator<TileFile[]> {
  const tree = new TileTree();
  let files: TileFile[] = [];
  let length = 0;
  for (const { line } of entries.upTo(size)) {
    for (const file of tree.append(line)) {
      files.push(file);
      length += file.bytes.length;
    }
    if (files.length < BATCH && length < BATCH_BYTES) continue;
    yield files;
    files = [];
    length = 0;
  }
  yield [...files, ...tree.partial()];
}

/** E5.4: reads all that is there. @returns the first file that is neither of this tree nor what a smaller one had in its place */
async function strangeAt(
  destination: TileDestination,
  entries: TreeEntries,
  size: number,
  present: ReadonlyMap<string, TileThere>,
): Promise<string | undefined> {
  for (const files of treeOf(entries, size)) {
    const expected = files.flatMap((file) => {
      const one = present.get(file.full);
      if (one === undefined) return [];
      one.known = true;
      return [...one.sizes].map(([path, length]) => {
        const width = Number(PARTIAL.exec(path)?.[1] ?? (path === file.path ? file.width : Number.POSITIVE_INFINITY));
        return { path, length, bytes: width <= file.width ? narrowed(file, width) : undefined };
      });
    });
    const wrong = await mapBounded(expected, CONCURRENCY, async ({ path, length, bytes }) => {
      if (bytes?.length !== length) return path;
      return (await destination.get(path, length))?.bytes.equals(bytes) ? undefined : path;
    });
    const first = wrong.find((path) => path !== undefined);
    if (first !== undefined) return first;
  }
  const beyond = [...present.values()].find(({ known }) => !known);
  return beyond && [...beyond.sizes.keys()][0];
}

/** E5.3: the lines of the log, and of those that are there the right cosignatures of witnesses that the auditor named. */
async function noteOf(tree: SignedTree, there: Found | undefined, witnesses: readonly WitnessKey[]): Promise<string> {
  if (there?.text !== tree.text) return tree.note([]);
  const { good } = await cosignaturesOf(witnesses, there, (witness, bytes) =>
    verifyCosignature(witness, there, bytes, verifyWitnessSignature),
  );
  return tree.note(good);
}

/** E5.4: @returns how many tiles and bundles were written */
async function write(
  destination: TileDestination,
  entries: TreeEntries,
  size: number,
  present: ReadonlyMap<string, TileThere>,
): Promise<number> {
  let written = 0;
  for (const files of treeOf(entries, size)) {
    const missing = files.filter(({ full, path }) => present.get(full)?.sizes.has(path) !== true);
    await mapBounded(missing, CONCURRENCY, async ({ path, bytes }) => {
      if ((await destination.put(path, bytes, undefined)) !== undefined) return;
      if (!(await destination.get(path, bytes.length))?.bytes.equals(bytes)) throw overtaken(destination, path);
    });
    written += missing.length;
  }
  return written;
}

/** E5.5: the checkpoint that is there must be the one that was looked at. */
async function publish(destination: TileDestination, there: Found | undefined, note: string): Promise<void> {
  const isOurs =
    note === there?.note
      ? (await destination.get(CHECKPOINT, MAX_NOTE))?.version === there.version
      : (await destination.put(CHECKPOINT, Buffer.from(note, 'utf8'), there?.version)) !== undefined;
  if (!isOurs) throw overtaken(destination, CHECKPOINT);
}

function overtaken({ name }: TileDestination, key: string): TamperError {
  return new TamperError('LOCKED', `${name}/${key} was written by another export meanwhile`, { hint: 'Run it again.' });
}
