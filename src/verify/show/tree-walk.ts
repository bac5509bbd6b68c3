import { ConsistencyPath } from '../../core/consistency-path.ts';
import type { Digest } from '../../core/hash.ts';
import { Frontier } from '../../core/tree.ts';
import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { type OpenEntry, readControl } from '../../format/control.ts';
import { leafOf } from '../../format/leaf.ts';
import { tagOf } from '../../format/origin.ts';
import type { Source } from '../input/sources.ts';
import { type WalkedLine, walk } from './walk.ts';

/** The tree of one stream, out of its files: for whoever wants to prove something about it. No key is needed, none is asked. */

/** Our own MAC and a MAC of a key service have 32 bytes: nobody else can check them. */
const MAC_LENGTH = 32;
/** So often a copy may hold entries that its crashed host went on without (spec 8, M8.26). */
const MAX_RETURNS = 64;

/** The tree at a size, and what proves that it continues that of an earlier size. */
export interface ProvenTree {
  readonly root: Digest;
  readonly proof: readonly Digest[];
}

/** The newest checkpoint line that carries a signature which others can check; undefined where there is none. */
export async function newestSigned(files: readonly Source[], origin: string): Promise<SignedCheckpoint | undefined> {
  let newest: SignedCheckpoint | undefined;
  const visit = ({ read }: WalkedLine): undefined => {
    if (read.type !== 'checkpoint' || read.note === undefined) return;
    const checkpoint = parseSignedCheckpoint(read.note);
    if (checkpoint?.origin !== origin || checkpoint.size < (newest?.size ?? 1)) return;
    const isSigned = checkpoint.signatures.some(({ name, bytes }) => name === origin && bytes.length !== MAC_LENGTH);
    if (isSigned) newest = checkpoint;
  };
  await walk(files, visit, () => undefined);
  return newest;
}

/** An open that goes on below what was read: what is above it was abandoned. */
interface Return {
  readonly place: string;
  readonly seq: number;
}

/** Walks once, leaving out what the returns known so far abandoned; stops at a return that is new. */
class TreeReading {
  readonly #tag: string;
  readonly #old: number;
  readonly #size: number;
  readonly #returns: readonly Return[];
  #passed = 0;
  #frontier: Frontier | undefined;
  #path: ConsistencyPath | undefined;
  #begins = 0;
  /** The first return that was not known. */
  found: Return | undefined;
  /** The seq of an entry before which others are missing. */
  hole: number | undefined;

  constructor(origin: string, old: number, size: number, returns: readonly Return[]) {
    this.#tag = tagOf(origin);
    this.#old = old;
    this.#size = size;
    this.#returns = returns;
  }

  /** The size of the tree before the first entry here. */
  get begins(): number {
    return this.#begins;
  }

  get tree(): ProvenTree | undefined {
    const frontier = this.#frontier;
    if (frontier?.size !== this.#size) return undefined;
    const proof = this.#path?.proofTo(frontier.size, frontier.subtrees);
    return proof === undefined ? undefined : { root: frontier.root(), proof };
  }

  readonly visit = ({ read, bytes, file, line }: WalkedLine): undefined => {
    if ((read.type !== 'record' && read.type !== 'control') || read.tag !== this.#tag) return;
    if (this.found !== undefined || this.hole !== undefined) return;
    const place = `${file}:${line}`;
    if (this.#returns[this.#passed]?.place === place) this.#passed++;
    if (this.#returns.slice(this.#passed).some(({ seq }) => read.seq >= seq)) return;
    const open = read.type === 'control' && read.kind === 'open' ? openOf(bytes, read) : undefined;
    const frontier = this.#begin(open, read.seq);
    if (frontier.size >= this.#size) return;
    if (read.seq > frontier.size + 1) this.hole = read.seq;
    else if (read.seq <= frontier.size && open !== undefined) this.found = { place, seq: read.seq };
    if (read.seq !== frontier.size + 1) return;
    const leaf = leafOf(bytes, read);
    this.#path?.grow(frontier.size, frontier.subtrees, leaf);
    frontier.append(leaf);
    this.#startPath(frontier);
  };

  /** A log whose first files are gone begins with an open, which says the frontier; the checkpoint's root tells whether it is right. */
  #begin(open: OpenEntry | undefined, seq: number): Frontier {
    if (this.#frontier !== undefined) return this.#frontier;
    const says = open !== undefined && open.size === seq - 1 ? open : undefined;
    this.#begins = says?.size ?? 0;
    this.#frontier = new Frontier(says?.size ?? 0, says?.frontier ?? []);
    this.#startPath(this.#frontier);
    return this.#frontier;
  }

  #startPath({ size, subtrees }: Frontier): void {
    if (size === this.#old) this.#path = new ConsistencyPath(size, subtrees);
    else if (this.#old === 0) this.#path ??= new ConsistencyPath(0, []);
  }
}

function openOf(bytes: Buffer, read: Extract<WalkedLine['read'], { type: 'control' }>): OpenEntry | undefined {
  const reading = readControl(bytes, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
  return 'entry' in reading && reading.entry.kind === 'open' ? reading.entry : undefined;
}

/**
 * The tree of `checkpoint` and the consistency proof from `old` entries, from what these files hold.
 *
 * @throws {@link TamperError} `VERIFY_FAILED`: the files do not give the checkpoint's root, or an entry is missing;
 *   `NOT_FOUND`: they begin after entry `old`
 */
export async function proveGrowth(
  files: readonly Source[],
  checkpoint: SignedCheckpoint,
  old: number,
): Promise<ProvenTree> {
  const { origin, size, root } = checkpoint;
  const returns: Return[] = [];
  for (;;) {
    const reading = new TreeReading(origin, old, size, returns);
    await walk(files, reading.visit, () => undefined);
    if (reading.found !== undefined && returns.length < MAX_RETURNS) {
      returns.push(reading.found);
      continue;
    }
    const { tree, begins, hole } = reading;
    if (hole === undefined && old > 0 && old < begins) {
      throw new TamperError(
        'NOT_FOUND',
        `these files begin with entry ${begins + 1}, but what is to be proven begins at ${old}`,
        {
          hint: 'Give the older files too.',
        },
      );
    }
    if (tree !== undefined && tree.root === root) return tree;
    const why =
      hole === undefined ? 'something in them was changed or is missing' : `entries before ${hole} are missing`;
    throw new TamperError(
      'VERIFY_FAILED',
      `these files do not give the root of their checkpoint of ${size} entries: ${why}`,
      {
        hint: 'Run `fapilog-tamper verify` on them.',
      },
    );
  }
}
