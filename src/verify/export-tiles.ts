import type { Digest } from '../core/hash.ts';
import { MAX_ENTRY, narrowed, type TileFile, TileTree } from '../core/tiles.ts';
import { Frontier, hashLeaf } from '../core/tree.ts';
import { isTamperError, TamperError } from '../errors.ts';
import { formatCheckpointText, MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../format/cosignature.ts';
import { mapBounded } from '../foundation/pool.ts';
import { verifyWitnessSignature } from '../keys/witness-signature.ts';
import type { StoredBytes } from '../storage/object-storage.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { witnessingOf } from './auditor/witnesses.ts';
import { lackingNotes, NoteKeys } from './proof/note-lines.ts';
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
  /** Verifier keys of note keys (Ed25519) that must have signed the checkpoint besides; they count for nothing. */
  readonly noteKeys?: readonly string[] | undefined;
}

/** Why nothing is exported although the log is ok. */
export interface ExportRefusal {
  /**
   * `UNSIGNED`: no proven checkpoint is signed by a public key that was named, and by each of the note keys. `UNWITNESSED`: none that is has the cosignatures
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
type Found = SignedCheckpoint & StoredBytes;

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
export async function exportTiles({ destination, noteKeys, ...options }: ExportTilesOptions): Promise<ExportedTiles> {
  const there = await find(destination);
  const entries = new TreeEntries(new NoteKeys(noteKeys));
  try {
    // bytes that another process checks are not the ones that are read here
    const report = await verifyKeeping({ ...options, jobs: 1 }, entries);
    if (report.verdict !== 'ok') return { report };
    const stream = oneStream(report, options);
    const { origin } = stream;
    const tree = entries.newestSigned;
    if (tree === undefined) return { report, refusal: unsigned(entries, origin) };
    const { size } = tree;
    const refusal = refusalOf(tree, stream, entries, there, `${destination.name}/${CHECKPOINT}`);
    if (refusal !== undefined) return { report, refusal };
    const { strange, missing } = await compare(destination, entries, size);
    if (strange !== undefined) {
      const message = `${destination.name}/${strange} is not of the first ${size} entries of this log`;
      return { report, refusal: { code: 'OTHER_TREE', message } };
    }
    const checkpoint = await noteOf(tree, there, witnessingOf(options, origin)?.witnesses ?? []);
    if (missing.size > 0) await write(destination, entries, size, missing);
    await publish(destination, there, checkpoint);
    return {
      report,
      exported: { origin, size, before: there?.size ?? 0, files: missing.size, readable: entries.readable, checkpoint },
    };
  } finally {
    entries.close();
  }
}

/** @throws {@link TamperError} `READ_FAILED` if something else has its name; what the destination throws */
async function find(destination: TileDestination): Promise<Found | undefined> {
  const other = (cause?: TamperError): TamperError =>
    new TamperError('READ_FAILED', `${destination.name}/${CHECKPOINT} is not a checkpoint of a sealed log`, {
      cause,
      hint: 'Look at it, delete it and run this again. Or name another place for the tiles.',
    });
  try {
    const stored = await destination.get(CHECKPOINT, MAX_NOTE);
    if (stored === undefined) return undefined;
    const checkpoint = parseSignedCheckpoint(stored.bytes.toString('utf8'));
    if (checkpoint === undefined) throw other();
    return { ...checkpoint, ...stored };
  } catch (error) {
    throw isTamperError(error, 'RESPONSE_MALFORMED') ? other(error) : error; // too long, in a bucket
  }
}

function unsigned(entries: TreeEntries, origin: string): ExportRefusal {
  const lacking = lackingNotes(entries.lines, origin);
  if (lacking !== undefined) {
    const why = 'no checkpoint that a named public key signed carries a right signature of the note key';
    return { code: 'UNSIGNED', message: `${why} ${lacking}; leave out note keys that do not sign this log` };
  }
  if (entries.isSigned) {
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

/**
 * E5.4: reads all that is there.
 *
 * @returns the paths that are not there yet, and a file that is neither of this tree nor a partial one of a smaller tree
 */
async function compare(
  destination: TileDestination,
  entries: TreeEntries,
  size: number,
): Promise<{ readonly strange?: string | undefined; readonly missing: ReadonlySet<string> }> {
  const unknown = new Map<string, number>();
  const partial = new Map<string, string[]>();
  for await (const { key, size: length } of destination.tiles()) {
    unknown.set(key, length);
    const full = key.replace(PARTIAL, '');
    if (full !== key) partial.set(full, [...(partial.get(full) ?? []), key]);
  }
  const missing = new Set<string>();
  for (const files of treeOf(entries, size)) {
    const known = files.flatMap((file) => {
      const smaller = (partial.get(file.full) ?? []).flatMap((path) => {
        const width = Number(PARTIAL.exec(path)?.[1]);
        return width < file.width ? [{ path, bytes: narrowed(file, width) }] : [];
      });
      if (unknown.has(file.path)) return [file, ...smaller];
      missing.add(file.path);
      return smaller;
    });
    const wrong = await mapBounded(known, CONCURRENCY, async ({ path, bytes }) => {
      const isRight = unknown.get(path) === bytes.length;
      return isRight && (await destination.get(path, bytes.length))?.bytes.equals(bytes) ? [] : [path];
    });
    const [strange] = wrong.flat();
    if (strange !== undefined) return { strange, missing };
    for (const { path } of known) unknown.delete(path);
  }
  return { strange: [...unknown.keys()][0], missing };
}

/** E5.3: the lines of the log, and of those that are there the right cosignatures of witnesses that the auditor named. */
async function noteOf(tree: SignedTree, there: Found | undefined, witnesses: readonly WitnessKey[]): Promise<string> {
  if (there?.text !== tree.text) return tree.note([]);
  const { good } = await cosignaturesOf(witnesses, there, (witness, bytes) =>
    verifyCosignature(witness, there, bytes, verifyWitnessSignature),
  );
  return tree.note(good);
}

/** E5.4, E5.5: writes what is missing, and nothing else. */
async function write(
  destination: TileDestination,
  entries: TreeEntries,
  size: number,
  missing: ReadonlySet<string>,
): Promise<void> {
  for (const files of treeOf(entries, size)) {
    const these = files.filter(({ path }) => missing.has(path));
    await mapBounded(these, CONCURRENCY, async ({ path, bytes }) => {
      if ((await destination.put(path, bytes, undefined)) !== undefined) return;
      if (!(await destination.get(path, bytes.length))?.bytes.equals(bytes)) throw overtaken(destination, path);
    });
  }
}

/** E5.5: the checkpoint that is there must be the one that was looked at. */
async function publish(destination: TileDestination, there: Found | undefined, note: string): Promise<void> {
  const bytes = Buffer.from(note, 'utf8');
  const isOurs =
    there?.bytes.equals(bytes) === true
      ? (await destination.get(CHECKPOINT, MAX_NOTE))?.version === there.version
      : (await destination.put(CHECKPOINT, bytes, there?.version)) !== undefined;
  if (!isOurs) throw overtaken(destination, CHECKPOINT);
}

function overtaken({ name }: TileDestination, key: string): TamperError {
  return new TamperError('LOCKED', `${name}/${key} was written by another export meanwhile`, { hint: 'Run it again.' });
}
