import { createHash, type Hash } from 'node:crypto';
import { isGone } from '../../foundation/file-identity.ts';
import { FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import type { Source } from '../input/sources.ts';
import type { LogSink } from '../input/unwrapping.ts';

/** Whether two files that begin with one entry are copies of one another (M8.2). */

const LF = 0x0a;
const CR = 0x0d;

/** Bytes that are hashed up to a limit, so that two files can be compared as far as the shorter one goes. */
class LimitedHash {
  readonly #hash: Hash = createHash('sha256');
  readonly #limit: number;
  length = 0;

  get full(): boolean {
    return this.length === this.#limit;
  }

  constructor(limit: number) {
    this.#limit = limit;
  }

  update(bytes: Buffer): void {
    const taken = bytes.subarray(0, this.#limit - this.length);
    this.#hash.update(taken);
    this.length += taken.length;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** What a file holds: of a compressed one the decompressed bytes, of a carrier's the lines of the log. */
export interface FileContent {
  readonly length: number;
  /** SHA-256 in hex. */
  readonly digest: string;
  /** The same with each CR LF as LF. */
  readonly plainLength: number;
  readonly plainDigest: string;
  /** Every line that is not empty ends with CR LF. */
  readonly converted: boolean;
  /** Its compressed data is damaged: nothing can be said of what it holds. */
  readonly damaged: boolean;
}

/** Where to stop. */
interface Limits {
  readonly length: number;
  readonly plainLength: number;
}

class Contents {
  readonly #bytes: LimitedHash;
  readonly #plain: LimitedHash;
  #endsWithCr = false;
  #lastByte = LF;
  #lines = 0;
  #converted = 0;
  damaged = false;

  constructor({ length, plainLength }: Limits) {
    this.#bytes = new LimitedHash(length);
    this.#plain = new LimitedHash(plainLength);
  }

  add(chunk: Buffer): void {
    this.#bytes.update(chunk);
    let from = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, lf + 1)) {
      const hasCr = lf === 0 ? this.#endsWithCr : chunk[lf - 1] === CR;
      const isEmpty = !hasCr && (lf === 0 ? this.#lastByte : chunk[lf - 1]) === LF; // such a line says nothing (M1.7)
      if (!isEmpty) this.#lines++;
      if (!hasCr) continue;
      this.#converted++;
      if (lf > 0) this.#addPlain(chunk.subarray(from, lf - 1));
      else this.#endsWithCr = false; // the chunk before ended with it
      from = lf;
    }
    const end = chunk[chunk.length - 1] === CR ? chunk.length - 1 : chunk.length;
    if (end > from) this.#addPlain(chunk.subarray(from, end));
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
    if (chunk.length > 0) this.#endsWithCr = end < chunk.length;
  }

  #addPlain(bytes: Buffer): void {
    if (this.#endsWithCr) this.#plain.update(Buffer.from([CR]));
    this.#endsWithCr = false;
    this.#plain.update(bytes);
  }

  /** What comes is not asked for. */
  get full(): boolean {
    return this.#bytes.full && this.#plain.full;
  }

  get content(): FileContent {
    return {
      length: this.#bytes.length,
      digest: this.#bytes.digest(),
      plainLength: this.#plain.length,
      plainDigest: this.#plain.digest(),
      converted: this.#lines > 0 && this.#converted === this.#lines,
      damaged: this.damaged,
    };
  }
}

const ALL: Limits = { length: Number.MAX_SAFE_INTEGER, plainLength: Number.MAX_SAFE_INTEGER };

/** What a file holds, up to these limits; undefined where it was deleted since it was looked at. */
export async function contentOf(source: Source, limits: Limits = ALL): Promise<FileContent | undefined> {
  const contents = new Contents(limits);
  try {
    if (source.carrier !== undefined) await addLines(source, contents);
    else {
      for await (const chunk of source.read((problem) => {
        contents.damaged ||= problem === 'UNREADABLE';
      })) {
        contents.add(chunk);
        if (contents.full) break;
      }
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  return contents.content;
}

/** When a carrier had a line, and under which labels, is nothing of the log; nor is a line that nothing ended (M1.7). */
async function addLines(source: Source, contents: Contents): Promise<void> {
  const add = (what: 'line' | 'foreign', bytes: Buffer): undefined => {
    const length = bytes[bytes.length - 1] === CR ? bytes.length - 1 : bytes.length; // the same whether it was converted
    contents.add(Buffer.concat([Buffer.from(`${what} ${length} `), bytes, Buffer.from('\n')]));
  };
  const sink: LogSink = {
    feed: (bytes, start, end) => add('line', bytes.subarray(start, end)),
    feedForeign: (bytes, start, end) => add('foreign', bytes.subarray(start, end)),
    feedUnterminated: () => undefined,
  };
  const lines = new FileLines(sink);
  const splitter = lines.begin(source);
  try {
    for await (const chunk of source.read((problem) => {
      contents.damaged ||= problem === 'UNREADABLE';
    })) {
      await splitter.push(chunk);
      if (contents.full) break;
    }
    await lines.end(splitter);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error; // the reading itself reports it
  }
}

/** A file with what it holds. */
export interface FileInHand {
  readonly source: Source;
  readonly content: FileContent;
}

/** How two files are alike: the first one is the longer one, or as long. */
export type Likeness = 'same' | 'earlier copy' | 'converted copy' | 'different';

/** Compares two files of which `long` is at least as long as `short` without the carriage returns. */
export async function likeness(long: FileInHand, short: FileInHand): Promise<Likeness> {
  const { content } = short;
  if (long.content.digest === content.digest) return 'same';
  const asLong = long.content.length === content.length && long.content.plainLength === content.plainLength;
  const begun = asLong ? long.content : await contentOf(long.source, content);
  if (begun?.digest === content.digest) return 'earlier copy';
  const onlyOne = long.content.converted !== content.converted;
  return onlyOne && begun?.plainDigest === content.plainDigest ? 'converted copy' : 'different';
}
