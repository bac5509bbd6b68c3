import type { Digest } from '../../core/hash.ts';
import { Frontier } from '../../core/tree.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type ControlEntry, readControl, type TreeHead } from '../../format/control.ts';
import { type ControlLine, classifyLine, type RecordLine } from '../../format/entry.ts';
import type { KeyReference } from '../../format/key-reference.ts';
import { leafOf } from '../../format/leaf.ts';
import { tagOf } from '../../format/origin.ts';
import type { FileAccount } from '../disk/state-record.ts';
import type { FileLine } from './line-reader.ts';

/** How many checkpoint lines are kept as candidates for the newest one that verifies. */
const CANDIDATES = 64;
/** Of so many seals the roots are kept, so that a late checkpoint line can be compared with them. */
const ROOTS = 4096;
/** No writer gets to such a number; a line that names a higher one is debris, or it would use up all that follow. */
const LAST_EPOCH = 2 ** 52;

/** A checkpoint line found on disk, with the key reference of the key period that it belongs to. */
export interface FoundCheckpoint extends TreeHead {
  readonly note: string;
  readonly file: string;
  readonly offset: number;
  readonly key: KeyReference;
}

/** The key period in force at some point of a file. */
export interface FoundEpoch {
  readonly epoch: number;
  readonly epochSeq: number;
  readonly step: number;
  readonly key: KeyReference;
}

/** Where the replay of a tail begins. */
export interface TailStart {
  readonly origin: string;
  readonly size: number;
  readonly frontier: readonly Digest[];
  readonly leaf?: Digest;
  readonly current?: FoundEpoch;
  readonly account?: FileAccount;
}

/**
 * Replays the lines that a writer left after its last state (spec 6): they count while each is an entry with the next
 * seq, or a checkpoint.
 */
export class TailReplay {
  readonly frontier: Frontier;
  readonly found: FoundCheckpoint[] = [];
  /** What a later version wrote where the replay ends: it may be neither cut off nor continued. */
  later: string | undefined;
  readonly #origin: string;
  readonly #tag: string;
  readonly #roots = new Map<number, { root: Digest; key: KeyReference }>();
  #current: FoundEpoch | undefined;
  #next: FoundEpoch | undefined;
  #leaf: Digest | undefined;
  #highestEpoch = 0;
  #lastEntry: ControlEntry | 'record' | undefined;
  #account: Omit<FileAccount, 'records'> | undefined;
  #records: number;

  constructor(start: TailStart) {
    this.#origin = start.origin;
    this.#tag = tagOf(start.origin);
    this.frontier = new Frontier(start.size, start.frontier);
    this.#current = start.current;
    this.#leaf = start.leaf;
    this.#account = start.account;
    this.#records = start.account?.records ?? 0;
    if (start.current !== undefined) {
      this.#highestEpoch = start.current.epoch;
      this.#roots.set(start.size, { root: this.frontier.root(), key: start.current.key });
    }
  }

  get current(): FoundEpoch | undefined {
    return this.#current;
  }

  /** Leaf hash of the last entry. */
  get leaf(): Digest | undefined {
    return this.#leaf;
  }

  /** The highest epoch number that any line names. */
  get highestEpoch(): number {
    return this.#highestEpoch;
  }

  /** What is known of the file. */
  get account(): FileAccount | undefined {
    return this.#account && { ...this.#account, records: this.#records };
  }

  /** The last entry that was replayed; undefined where there was none. */
  get lastEntry(): ControlEntry | 'record' | undefined {
    return this.#lastEntry;
  }

  /** Root and key period of a seal that was passed. */
  sealAt(size: number): { readonly root: Digest; readonly key: KeyReference } | undefined {
    return this.#roots.get(size);
  }

  /** Takes the next line of `file`. @returns whether it counts; nothing after a line that does not may be given */
  take(line: FileLine, file: string): boolean {
    const read = classifyLine(line.bytes);
    if (read.type === 'foreign') return false;
    if (read.type === 'checkpoint') return this.#takeCheckpoint(read.note, line.offset, file);
    if (read.seq !== this.frontier.size + 1 || read.tag !== this.#tag || read.epoch > LAST_EPOCH) return false;
    if (read.type === 'record' && read.commit !== undefined) return false; // no crash leaves an erased record
    return this.#takeEntry(line.bytes, read);
  }

  #takeCheckpoint(note: string | undefined, offset: number, file: string): boolean {
    const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
    if (note === undefined || checkpoint === undefined || checkpoint.origin !== this.#origin) return false;
    const { size, root } = checkpoint;
    const seal = this.#roots.get(size);
    if (seal?.root === root) {
      this.found.push({ size, root, note, file, offset, key: seal.key });
      if (this.found.length > CANDIDATES) this.found.shift();
    }
    return true;
  }

  #takeEntry(bytes: Buffer, read: RecordLine | ControlLine): boolean {
    const entry = read.type === 'record' ? 'record' : this.#readControl(bytes, read);
    if (entry === undefined) return false;
    if (entry === 'record') this.#next = undefined;
    else if (!this.#enter(entry, read)) return false;
    this.#count(entry);
    const leaf = leafOf(bytes, read);
    this.frontier.append(leaf);
    this.#leaf = leaf;
    this.#highestEpoch = Math.max(this.#highestEpoch, read.epoch);
    this.#lastEntry = entry;
    if (entry !== 'record') this.#passSeal(entry);
    return true;
  }

  #count(entry: ControlEntry | 'record'): void {
    if (entry === 'record') {
      this.#records++;
      return;
    }
    if (this.#account !== undefined || entry.kind !== 'open') return;
    this.#account = { firstSeq: this.frontier.size + 1, created: entry.time, root: this.frontier.root() };
  }

  #readControl(bytes: Buffer, read: ControlLine): ControlEntry | undefined {
    const reading = readControl(bytes, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
    if ('entry' in reading) return reading.entry;
    if (reading.problem.code === 'UNSUPPORTED') this.later = `entry ${read.seq}: ${reading.problem.message}`;
    return undefined;
  }

  /** Follows the key periods. @returns false where an `open` does not fit what was replayed */
  #enter(entry: ControlEntry, read: RecordLine | ControlLine): boolean {
    if (entry.kind === 'open') {
      if (entry.origin !== this.#origin || entry.size !== this.frontier.size) return false;
      this.#current = { epoch: read.epoch, epochSeq: entry.epochSeq, step: entry.step, key: entry.key };
      this.#next = undefined;
    } else if (entry.kind === 'key') {
      const epoch = Number(entry.next.slice(entry.next.indexOf('.') + 1));
      if (!(epoch <= LAST_EPOCH)) return false;
      this.#highestEpoch = Math.max(this.#highestEpoch, epoch);
      this.#next = { epoch, epochSeq: read.seq + 2, step: 0, key: entry.key };
    } else if (entry.kind !== 'seal') this.#next = undefined;
    return true;
  }

  #passSeal(entry: ControlEntry): void {
    if (entry.kind !== 'seal' && entry.kind !== 'close') return;
    const { size } = this.frontier;
    if (this.#current === undefined) return;
    this.#roots.set(size, { root: this.frontier.root(), key: this.#current.key });
    if (this.#roots.size > ROOTS) for (const [oldest] of this.#roots) if (this.#roots.delete(oldest)) break;
    this.#current = this.#next ?? { ...this.#current, step: this.#current.step + 1 };
    this.#next = undefined;
  }
}
