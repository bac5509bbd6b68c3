import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestBytes } from '../../core/hash.ts';
import { encodeBase64 } from '../../format/base64.ts';
import type { CloseEntry, OpenEntry } from '../../format/control.ts';
import type { Manifest, ManifestOrigin } from '../../format/manifest.ts';
import type { Epoch } from './epoch.ts';

/** What a manifest says of a file and of its close, as it is computed from the file itself (spec 7). */
export type FileFacts = Pick<Manifest, 'closed_ts' | 'record_count' | 'first_seq' | 'last_seq' | 'size'> & {
  readonly created_ts: string;
  readonly first_ts: string | undefined;
  readonly last_ts: string | undefined;
};

/** A close of the file, and what is known where it stands. */
export interface FileClose {
  readonly facts: FileFacts;
  /** Standard padded base64; undefined where the tree is not known. */
  readonly root: string | undefined;
  /** The key period of the close; undefined where an entry before it could not be read. */
  readonly epoch: Epoch | undefined;
  /** The byte behind the close's line, and the first of the next entry's, if there is one. */
  readonly end: number;
  next: number;
}

const LF = 0x0a;
/** So many closes of one file are kept: a file is closed once for each run that wrote to it. */
const KEPT_CLOSES = 64;

/** The tree before a file's first entry: of this stream, or of the one that it continues. */
interface Beginning {
  readonly seq: number;
  readonly time: string;
  readonly from: (Omit<ManifestOrigin, 'root'> & { readonly root: string | undefined }) | undefined;
}

/** Gathers the facts of one file while it is read. It hashes bytes, so it is made only where a manifest is there. */
export class FileFactsCollector {
  readonly #hash: Hash = createHash('sha256');
  readonly #limit: number;
  /** How much of the file has been hashed, and how much has passed, in bytes. */
  #hashed = 0;
  #passed = 0;
  #endsLine = false;
  readonly #closes: FileClose[] = [];
  readonly #recordsBefore: number;
  /** Line endings were converted, empty lines added, or a record altered: the digest is that of other bytes. */
  #altered = false;
  /** Records of it have salts, so that they can be erased. */
  #salted = false;
  /** There are lines in it that a crashed writer did not know of: they count as records here, and not for it (M8.26). */
  #hasLost = false;
  /** The file ends inside the line that begins at this byte. */
  #cutAt: number | undefined;
  /** What the file's first open says; undefined where it could not be read. */
  #beginning: Beginning | undefined;

  /** @param bytes - how many bytes of the file the manifest is about */
  constructor(recordsBefore: number, bytes: number) {
    this.#recordsBefore = recordsBefore;
    this.#limit = bytes;
  }

  get altered(): boolean {
    return this.#altered;
  }

  get salted(): boolean {
    return this.#salted;
  }

  get hasLost(): boolean {
    return this.#hasLost;
  }

  get cutAt(): number | undefined {
    return this.#cutAt;
  }

  get beginning(): Beginning | undefined {
    return this.#beginning;
  }

  alter(): void {
    this.#altered = true;
  }

  salt(): void {
    this.#salted = true;
  }

  cut(at: number): void {
    this.#cutAt = at;
  }

  /** Hashes what is new before `bytes[end]`, which is the file's byte `offset`; the new bytes are all in `bytes`. */
  reach(bytes: Buffer, end: number, offset: number): void {
    const start = end - (offset - this.#passed);
    const to = Math.min(offset, this.#limit);
    if (to > this.#hashed) {
      const upTo = start + (to - this.#hashed);
      this.#hash.update(bytes.subarray(start, upTo));
      this.#hashed = to;
      this.#endsLine = bytes[upTo - 1] === LF;
    }
    this.#passed = offset;
  }

  /** An open went back to `size` entries. */
  goBack(size: number): void {
    this.#altered = true;
    this.#hasLost = true;
    while ((this.#closes.at(-1)?.facts.last_seq ?? 0) > size) this.#closes.pop();
    if (this.#beginning !== undefined && this.#beginning.seq > size) this.#beginning = undefined;
  }

  /** An open at byte `offset`. */
  open(open: OpenEntry, seq: number, offset: number, origin: string, root: Digest | undefined): void {
    const last = this.#closes.at(-1);
    if (last !== undefined) last.next = Math.min(last.next, offset);
    if (this.#beginning !== undefined || last !== undefined) return;
    const from = seq > 1 ? { origin, size: seq - 1, root } : open.after;
    const spelled = from && { ...from, root: from.root === undefined ? undefined : base64(from.root) };
    this.#beginning = { seq, time: open.time, from: spelled };
  }

  /** A close, whose line has just passed: the file may end here. */
  close(seq: number, close: CloseEntry, records: number, root: Digest | undefined, epoch: Epoch | undefined): void {
    if (this.#closes.length === KEPT_CLOSES) this.#closes.shift();
    const facts: FileFacts = {
      created_ts: this.#beginning?.time ?? '',
      closed_ts: close.time,
      record_count: records - this.#recordsBefore,
      first_seq: this.#beginning?.seq ?? 0,
      last_seq: seq,
      first_ts: close.firstTime,
      last_ts: close.lastTime,
      size: seq,
    };
    const spelled = root === undefined ? undefined : base64(root);
    this.#closes.push({ facts, root: spelled, epoch, end: this.#passed, next: Number.MAX_SAFE_INTEGER });
  }

  /** The close with this seq. */
  at(seq: number): FileClose | undefined {
    return this.#closes.find(({ facts }) => facts.last_seq === seq);
  }

  /** How many of the bytes that the manifest is about are missing where the file ends behind this close. */
  missingBehind({ next }: FileClose): number {
    const isLast = this.#cutAt !== undefined || next === Number.MAX_SAFE_INTEGER;
    return isLast ? Math.max(0, this.#limit - (this.#cutAt ?? this.#passed)) : 0;
  }

  /** Whether the bytes that the manifest is about are all there and end behind this close, before anything but checkpoints. */
  covers({ end, next }: FileClose): boolean {
    return this.#hashed === this.#limit && this.#endsLine && this.#limit >= end && this.#limit <= next;
  }

  /** SHA-256 of those bytes, as hex. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

function base64(root: Digest): string {
  return encodeBase64(digestBytes(root));
}
