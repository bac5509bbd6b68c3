import type { Digest } from '../core/hash.ts';
import { MAX_ENTRY, type TileFile, TileTree } from '../core/tiles.ts';
import { Frontier, hashLeaf } from '../core/tree.ts';
import { TamperError } from '../errors.ts';
import {
  type Checkpoint,
  formatCheckpointText,
  formatNote,
  MAX_NOTE,
  parseSignedCheckpoint,
} from '../format/checkpoint.ts';
import { mapBounded } from '../foundation/pool.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { witnessingOf } from './auditor/witnesses.ts';
import { oneStream } from './prove-record.ts';
import type { TileDestination } from './tiles/directory-tiles.ts';
import { type SignedTree, TreeEntries } from './tiles/tree-entries.ts';
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
   * `UNSIGNED`: no proven checkpoint is signed by a public key that was named. `ENTRIES_MISSING`: the files do not begin with the
   * first entry. `ENTRY_TOO_LONG`: an entry has more than 65,535 bytes, which no bundle can hold. `OTHER_TREE`: the
   * destination has a checkpoint of another stream, of another tree, or of more entries than are proven here.
   */
  readonly code: 'UNSIGNED' | 'ENTRIES_MISSING' | 'ENTRY_TOO_LONG' | 'OTHER_TREE';
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
interface Found extends Checkpoint {
  /** Its whole name, for messages. */
  readonly name: string;
  readonly note: string;
  readonly version: string;
}

const CHECKPOINT = 'checkpoint';
/** The checkpoint of an export that began, so that the next one knows what its tiles are of (E5.5). */
const NEXT = 'checkpoint.next';
/** No bundle is longer. */
const MOST_BYTES = 256 * (2 + MAX_ENTRY);
/** Files are written together when they are so many or so long. */
const BATCH = 32;
const BATCH_BYTES = 4 * 1024 * 1024;
const CONCURRENCY = 8;
/** Readers in Go take at most so many signature lines. */
const MOST_SIGNATURES = 100;

/**
 * Verifies, and if the verdict is ok writes what the destination does not have yet. `jobs` is not used.
 *
 * @throws {@link TamperError} as `exportTiles` of the package
 */
export async function exportTiles({ destination, ...options }: ExportTilesOptions): Promise<ExportedTiles> {
  const there = await find(destination, CHECKPOINT);
  const next = await find(destination, NEXT);
  const entries = new TreeEntries();
  try {
    // bytes that another process checks are not the ones that are read here
    const report = await verifyKeeping({ ...options, jobs: 1 }, entries);
    if (report.verdict !== 'ok') return { report };
    const stream = oneStream(report, options);
    const { origin } = stream;
    const tree = entries.newestSigned;
    const refusal = refusalOf(tree, stream, entries, [there, next]);
    if (tree === undefined || refusal !== undefined) return { report, ...(refusal && { refusal }) };
    const witnesses = witnessingOf(options, origin)?.witnesses ?? [];
    const checkpoint = noteOf(tree, there, [origin, ...witnesses.map(({ name }) => name)]);
    const files =
      checkpoint === there?.note ? 0 : await write(destination, entries, { there, next }, tree.size, checkpoint);
    const { size } = tree;
    return {
      report,
      exported: { origin, size, before: there?.size ?? 0, files, readable: entries.readable, checkpoint },
    };
  } finally {
    entries.close();
  }
}

/** @throws {@link TamperError} `USAGE` if something else has its name; what the destination throws */
async function find(destination: TileDestination, key: string): Promise<Found | undefined> {
  const stored = await destination.get(key, MAX_NOTE);
  if (stored === undefined) return undefined;
  const note = stored.bytes.toString('utf8');
  const checkpoint = parseSignedCheckpoint(note);
  const name = `${destination.name}/${key}`;
  if (checkpoint !== undefined) return { ...checkpoint, name, note, version: stored.version };
  throw new TamperError('USAGE', `${name} is not a checkpoint of a sealed log`, {
    hint: 'Name another place for the tiles: one that is empty, or that has the tiles of this log.',
  });
}

/** E5.1, E5.2, E5.5: every entry is looked at before anything is written. */
function refusalOf(
  tree: SignedTree | undefined,
  { origin, firstSeq }: StreamReport,
  entries: TreeEntries,
  found: readonly (Found | undefined)[],
): ExportRefusal | undefined {
  if (tree === undefined) {
    const message = 'no proven checkpoint is signed by a public key that you named; others could not check the tiles';
    return { code: 'UNSIGNED', message };
  }
  if (firstSeq > 1)
    return { code: 'ENTRIES_MISSING', message: `the files begin at entry ${firstSeq}; tiles need them all` };
  const roots = new Map<number, Digest>();
  const frontier = new Frontier();
  for (const { seq, line } of entries.upTo(tree.size)) {
    if (seq !== frontier.size + 1) throw new TamperError('INTERNAL', `entry ${frontier.size + 1} was not kept`);
    if (line.length > MAX_ENTRY) {
      const message = `entry ${seq} has ${line.length} bytes; a bundle of tlog-tiles holds none above ${MAX_ENTRY}`;
      return { code: 'ENTRY_TOO_LONG', message };
    }
    frontier.append(hashLeaf(line));
    if (found.some((one) => one?.size === seq)) roots.set(seq, frontier.root());
  }
  if (formatCheckpointText({ origin, size: frontier.size, root: frontier.root() }) !== tree.text)
    throw new TamperError('INTERNAL', `the entries that were kept are not those of the checkpoint of ${tree.size}`);
  for (const one of found) {
    if (one === undefined) continue;
    const other = (why: string): ExportRefusal => ({ code: 'OTHER_TREE', message: `${one.name} ${why}` });
    if (one.origin !== origin) return other(`is of the stream ${one.origin}, not of ${origin}`);
    if (one.size > tree.size)
      return other(`is of ${one.size} entries, but only ${tree.size} are proven here and signed`);
    if (roots.get(one.size) !== one.root) return other(`is of other entries than the first ${one.size} of this log`);
  }
  return undefined;
}

/** The checkpoint with every signature line, those of `names` first; those that are there already stay (E5.3). */
function noteOf({ size, text, lines }: SignedTree, there: Found | undefined, names: readonly string[]): string {
  const kept = there?.size === size ? there.note.slice(there.note.indexOf('\n\n') + 2, -1).split('\n') : [];
  const rank = (line: string): number => (names.includes(line.split(' ')[1] ?? '') ? 0 : 1);
  const all = [...new Set([...kept, ...lines])].sort((a, b) => rank(a) - rank(b));
  let note = formatNote(text, []);
  for (const line of all.slice(0, MOST_SIGNATURES)) {
    if (Buffer.byteLength(note) + Buffer.byteLength(line) < MAX_NOTE) note += `${line}\n`;
  }
  return note;
}

/** E5.4, E5.5: @returns how many tiles and bundles were written */
async function write(
  destination: TileDestination,
  entries: TreeEntries,
  { there, next }: { readonly there: Found | undefined; readonly next: Found | undefined },
  size: number,
  checkpoint: string,
): Promise<number> {
  const replace = async (key: string, found: Found | undefined): Promise<void> => {
    if ((await destination.put(key, Buffer.from(checkpoint, 'utf8'), found?.version)) !== undefined) return;
    throw new TamperError('LOCKED', `${destination.name}/${key} was written by another export meanwhile`, {
      hint: 'Run it again.',
    });
  };
  if (size > (next?.size ?? 0)) await replace(NEXT, next);
  let written = 0;
  let waiting: TileFile[] = [];
  const flush = async (): Promise<void> => {
    const isNew = await mapBounded(waiting, CONCURRENCY, (file) => create(destination, file));
    written += isNew.filter(Boolean).length;
    waiting = [];
  };
  const tree = new TileTree();
  for (const { line } of entries.upTo(size)) {
    const files = tree.append(line);
    if (files.length === 0 || tree.size <= (there?.size ?? 0)) continue;
    waiting.push(...files);
    if (waiting.length >= BATCH || waiting.reduce((sum, { bytes }) => sum + bytes.length, 0) >= BATCH_BYTES)
      await flush();
  }
  if (size > (there?.size ?? 0)) waiting.push(...tree.partial());
  await flush();
  await replace(CHECKPOINT, there);
  return written;
}

/** @returns whether it was not there */
async function create(destination: TileDestination, { path, bytes }: TileFile): Promise<boolean> {
  if ((await destination.put(path, bytes, undefined)) !== undefined) return true;
  if ((await destination.get(path, MOST_BYTES))?.bytes.equals(bytes)) return false;
  throw new TamperError('WRITE_FAILED', `${destination.name}/${path} is there already and has other bytes`, {
    hint: 'Tiles are never overwritten. Name another place.',
  });
}
