import { createHash, type Hash } from 'node:crypto';
import { parseConverted, parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine } from '../../format/entry.ts';
import { noteOfLine } from '../../format/foreign-line.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { FileLines } from '../input/file-lines.ts';
import { type LineSink, LineSplitter, LineTooLong, MARK } from '../input/line-splitter.ts';
import type { SourceProblem } from '../input/source-problem.ts';
import type { Source } from '../input/sources.ts';
import type { LogSink } from '../input/unwrapping.ts';
import { type ErasedForm, ErasedLines } from './erased-copies.ts';

/** What a file holds, so that two can be compared without keeping either (M8.2). */

const LF = 0x0a;
const CR = 0x0d;
/** What a program puts behind a copy that it did not bring to its end: NUL where the place was made before, LF, CR, Ctrl-Z (M8.2). */
const FILLING: ReadonlySet<number> = new Set([0, LF, CR, 0x1a]);
/** So many runs of it are still filling. */
const MOST_RUNS = 1_000;
const PIECE = 64 * 1024;

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

  /** The digest so far; more may follow. */
  soFar(): { readonly length: number; readonly digest: () => string } {
    const hash = this.#hash.copy();
    return { length: this.length, digest: () => hash.digest('hex') };
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
  /** The same without a byte order mark and empty lines, with each CR LF as LF, and without filling at its end. */
  readonly plainLength: number;
  readonly plainDigest: string;
  /** The same without a last line that nothing ends: a crash tore it, or the copying did. */
  readonly linesLength: number;
  readonly linesDigest: string;
  /** How the lines end that are not empty. */
  readonly ends: 'lf' | 'crlf' | 'both';
  /** It begins with a byte order mark. */
  readonly marked: boolean;
  /** It does not end as a file of whole lines does. */
  readonly filled: boolean;
  /** There are bytes behind its compressed data. */
  readonly trailing: boolean;
  /** Its compressed data is damaged: nothing can be said of what it holds. */
  readonly damaged: boolean;
  /** A program wrote it in another encoding (M8.33). */
  readonly inOtherEncoding: boolean;
  /** As if all was erased that can be; undefined where a line is too long. */
  readonly erasedForm: ErasedForm | undefined;
}

/** Where to stop. */
interface Limits {
  readonly length: number;
  readonly plainLength: number;
}

class Contents {
  readonly #bytes: LimitedHash;
  readonly #plain: LimitedHash;
  /** What may be a byte order mark; undefined once that is known. */
  #beginning: Buffer | undefined = Buffer.alloc(0);
  #marked = false;
  /** How much of the line in hand was in the chunks before, and whether that ends with a CR that may belong to its end. */
  #lineLength = 0;
  #endsWithCr = false;
  /** What may be filling, as runs of one byte. */
  #runs: { readonly byte: number; count: number }[] = [];
  #lines = 0;
  #linesWithCr = 0;
  #lastHasCr = false;
  #damaged = false;
  #trailing = false;
  /** What was there up to the last LF. */
  #whole: ReturnType<LimitedHash['soFar']> | undefined;

  constructor({ length, plainLength }: Limits) {
    this.#bytes = new LimitedHash(length);
    this.#plain = new LimitedHash(plainLength);
  }

  readonly onProblem = (problem: SourceProblem): void => {
    this.#damaged ||= problem === 'UNREADABLE';
    this.#trailing ||= problem === 'GZIP_TRAILING';
  };

  add(chunk: Buffer): void {
    this.#bytes.update(chunk);
    if (this.#beginning === undefined) {
      this.#addLines(chunk);
      return;
    }
    const beginning = Buffer.concat([this.#beginning, chunk]);
    if (beginning.length < MARK.length) {
      this.#beginning = beginning;
      return;
    }
    this.#beginning = undefined;
    this.#marked = MARK.equals(beginning.subarray(0, MARK.length));
    this.#addLines(this.#marked ? beginning.subarray(MARK.length) : beginning);
  }

  #addLines(chunk: Buffer): void {
    let start = 0;
    let from = 0;
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, start)) {
      const length = lf - start + (start === 0 ? this.#lineLength : 0);
      const hasCr = length > 0 && (lf === 0 ? this.#endsWithCr : chunk[lf - 1] === CR);
      if (length > 0) {
        this.#lines++;
        this.#lastHasCr = hasCr;
      }
      if (hasCr) this.#linesWithCr++;
      if (hasCr || length === 0) {
        if (hasCr && lf === 0)
          this.#endsWithCr = false; // the chunk before ended with it
        else if (lf > from) this.#addPlain(chunk.subarray(from, hasCr ? lf - 1 : lf));
        from = length === Number(hasCr) ? lf + 1 : lf; // an empty line says nothing (M1.7)
      }
      start = lf + 1;
    }
    this.#lineLength = chunk.length - start + (start === 0 ? this.#lineLength : 0);
    if (start > 0) {
      if (from < start) this.#addPlain(chunk.subarray(from, start));
      from = start;
      this.#whole = this.#plain.soFar();
    }
    if (from === chunk.length) return;
    const end = chunk[chunk.length - 1] === CR ? chunk.length - 1 : chunk.length;
    this.#addPlain(chunk.subarray(from, end));
    this.#endsWithCr = end < chunk.length;
  }

  #addPlain(bytes: Buffer): void {
    if (this.#endsWithCr) this.#fill(CR);
    this.#endsWithCr = false;
    let end = bytes.length;
    while (end > 0 && FILLING.has(bytes[end - 1] as number)) end--;
    if (end > 0) {
      this.#takeFilling();
      this.#plain.update(bytes.subarray(0, end));
    }
    for (const byte of bytes.subarray(end)) this.#fill(byte);
  }

  #fill(byte: number): void {
    const last = this.#runs.at(-1);
    if (last?.byte === byte) last.count++;
    else if (this.#runs.push({ byte, count: 1 }) > MOST_RUNS) this.#takeFilling();
  }

  /** It was none: more comes behind it. */
  #takeFilling(): void {
    for (const { byte, count } of this.#runs) {
      const piece = Buffer.alloc(Math.min(count, PIECE), byte);
      for (let left = count; left > 0; left -= piece.length) this.#plain.update(piece.subarray(0, left));
    }
    this.#runs = [];
  }

  /** What comes is not asked for. */
  get full(): boolean {
    return this.#bytes.full && this.#plain.full;
  }

  /** The last line may be one that was cut, and ended by another program. */
  get #allHaveCr(): boolean {
    return this.#linesWithCr === this.#lines - Number(!this.#lastHasCr);
  }

  get content(): Omit<FileContent, 'inOtherEncoding' | 'erasedForm'> {
    if (this.#beginning !== undefined) this.#addLines(this.#beginning);
    this.#beginning = undefined;
    const plainLength = this.#plain.length;
    const plainDigest = this.#plain.digest();
    const whole = this.#lineLength > 0 ? this.#whole : undefined;
    return {
      length: this.#bytes.length,
      digest: this.#bytes.digest(),
      plainLength,
      plainDigest,
      linesLength: whole?.length ?? plainLength,
      linesDigest: whole?.digest() ?? plainDigest,
      ends: this.#linesWithCr === 0 ? 'lf' : this.#allHaveCr ? 'crlf' : 'both',
      marked: this.#marked,
      filled: this.#endsWithCr || this.#runs.length !== 1 || this.#runs[0]?.byte !== LF || this.#runs[0].count > 1,
      trailing: this.#trailing,
      damaged: this.#damaged,
    };
  }
}

const ALL: Limits = { length: Number.MAX_SAFE_INTEGER, plainLength: Number.MAX_SAFE_INTEGER };

/** Looks for a checkpoint that was written in another encoding (M8.33), and takes each line as if it was erased (M8.2). */
class SeenLines implements LineSink {
  readonly erased = new ErasedLines();
  found = false;
  /** A line was too long. */
  cut = false;

  feed(bytes: Buffer, start: number, end: number): undefined {
    this.erased.feed(bytes, start, end);
    const line = bytes.subarray(start, bytes[end - 1] === CR ? end - 1 : end);
    const read = classifyLine(line);
    const isSpoiled = read.type === 'checkpoint' && parseSignedCheckpoint(read.note ?? '') === undefined;
    this.found ||= isSpoiled && parseConverted(noteOfLine(line)) !== undefined;
  }

  feedUnterminated(): void {}
}

/** What a file holds, up to these limits; undefined where it was deleted since it was looked at. */
export async function contentOf(source: Source, limits: Limits = ALL): Promise<FileContent | undefined> {
  const contents = new Contents(limits);
  const seen = new SeenLines();
  try {
    if (source.carrier !== undefined) await addLines(source, contents, seen);
    else {
      let splitter: LineSplitter | undefined = new LineSplitter(seen, source.size);
      for await (const chunk of source.read(contents.onProblem)) {
        contents.add(chunk);
        if (contents.full) break;
        splitter = await splitFurther(splitter, chunk);
        seen.cut ||= splitter === undefined;
      }
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  const erasedForm = seen.cut ? undefined : seen.erased.form;
  return { ...contents.content, inOtherEncoding: seen.found, erasedForm };
}

/** @returns undefined from a line on that is too long, which the reading itself reports */
async function splitFurther(splitter: LineSplitter | undefined, chunk: Buffer): Promise<LineSplitter | undefined> {
  try {
    await splitter?.push(chunk);
    return splitter;
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
    return undefined;
  }
}

/** When a carrier had a line, and under which labels, is nothing of the log; nor is a line that nothing ended (M1.7). */
async function addLines(source: Source, contents: Contents, seen: SeenLines): Promise<void> {
  const add = (what: 'line' | 'foreign', bytes: Buffer): undefined => {
    const length = bytes[bytes.length - 1] === CR ? bytes.length - 1 : bytes.length; // the same whether it was converted
    contents.add(Buffer.concat([Buffer.from(`${what} ${length} `), bytes, Buffer.from('\n')]));
  };
  const sink: LogSink = {
    feed(bytes, start, end) {
      seen.feed(bytes, start, end);
      return add('line', bytes.subarray(start, end));
    },
    feedForeign(bytes, start, end) {
      seen.erased.feedForeign(bytes, start, end);
      return add('foreign', bytes.subarray(start, end));
    },
    feedUnterminated: () => undefined,
  };
  const lines = new FileLines(sink);
  const splitter = lines.begin(source);
  try {
    for await (const chunk of source.read(contents.onProblem)) {
      await splitter.push(chunk);
      if (contents.full) break;
    }
    await lines.end(splitter);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error; // the reading itself reports it
    seen.cut = true;
  }
}
