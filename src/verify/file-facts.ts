import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestBytes } from '../core/hash.ts';
import { encodeBase64 } from '../format/base64.ts';
import type { CloseEntry } from '../format/control.ts';

/** What a manifest says of a file, as it is computed from the file itself (spec 7). */
export interface FileFacts {
  readonly created_ts: string | undefined;
  readonly closed_ts: string;
  readonly record_count: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly first_ts: string | undefined;
  readonly last_ts: string | undefined;
  readonly size: number;
  readonly root: string | undefined;
  readonly algo: string;
  readonly key_id: string;
  readonly sha256: string;
}

/** So many closes of one file are kept: a file is closed once for each run that wrote to it. */
const KEPT_CLOSES = 64;

/** Gathers the facts of one file while it is read. It hashes every byte, so it is made only where a manifest is there. */
export class FileFactsCollector {
  readonly #hash: Hash = createHash('sha256');
  /** How much of the file has been hashed, in bytes. */
  #hashed = 0;
  readonly #closes: FileFacts[] = [];
  #created: string | undefined;
  #firstSeq = 0;
  #recordsBefore: number;
  /** The line endings were converted on the way, which is reported: the digest is that of other bytes. */
  converted = false;
  /** The tree before the file's first entry. */
  before: { readonly size: number; readonly root: string } | undefined;

  constructor(recordsBefore: number) {
    this.#recordsBefore = recordsBefore;
  }

  /** Hashes what is new before `bytes[end]`, which is the file's byte `offset`; the new bytes are all in `bytes`. */
  reach(bytes: Buffer, end: number, offset: number): void {
    if (offset === this.#hashed) return;
    this.#hash.update(bytes.subarray(end - (offset - this.#hashed), end));
    this.#hashed = offset;
  }

  /** The file's first open. */
  open(seq: number, time: string, root: Digest | undefined): void {
    if (this.#firstSeq !== 0) return;
    this.#firstSeq = seq;
    this.#created = time;
    if (root !== undefined) this.before = { size: seq - 1, root: encodeBase64(digestBytes(root)) };
  }

  /** A close: the file may end here. */
  close(
    seq: number,
    close: CloseEntry,
    records: number,
    root: Digest | undefined,
    kid: string,
    member: 'mac' | 'hash',
  ): void {
    if (this.#closes.length === KEPT_CLOSES) this.#closes.shift();
    this.#closes.push({
      created_ts: this.#created,
      closed_ts: close.time,
      record_count: records - this.#recordsBefore,
      first_seq: this.#firstSeq,
      last_seq: seq,
      first_ts: close.firstTime,
      last_ts: close.lastTime,
      size: seq,
      root: root === undefined ? undefined : encodeBase64(digestBytes(root)),
      algo: member === 'mac' ? 'hmac-sha256' : 'sha256',
      key_id: kid,
      sha256: this.#hash.copy().digest('hex'),
    });
  }

  /** The facts at the close with this seq. */
  at(seq: number): FileFacts | undefined {
    return this.#closes.find((facts) => facts.last_seq === seq);
  }
}
