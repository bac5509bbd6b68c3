import { createHash } from 'node:crypto';
import { classifyLine } from '../../format/entry.ts';
import { erasedForm } from '../../format/leaf.ts';
import { isGone } from '../../foundation/file-identity.ts';
import { FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import type { Source } from '../input/sources.ts';
import type { LogSink } from '../input/unwrapping.ts';

/** An erased and an unerased copy are one log (M8.2): both are compared in the form that they have once all is erased. */

/** A file, or its first lines, as if each record with a salt was erased. */
export interface ErasedForm {
  /** Those that an LF ends and that are not empty. */
  readonly lines: number;
  /** Which of them are erased records, by their number from 0. */
  readonly erased: ErasedNumbers;
  readonly digest: string;
}

/** Numbers of erased lines, one bit for each line, so that memory stays small however many are erased. */
class ErasedNumbers {
  #bits = new Uint8Array(64);
  #count = 0;

  add(line: number): void {
    if (line >> 3 >= this.#bits.length) {
      const more = new Uint8Array(2 * (line >> 3));
      more.set(this.#bits);
      this.#bits = more;
    }
    this.#bits[line >> 3] = (this.#bits[line >> 3] ?? 0) | (1 << (line & 7));
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether one of the first `lines` is erased here and not there. */
  exceeds(other: ErasedNumbers, lines: number): boolean {
    for (let at = 0; at < this.#bits.length && at * 8 < lines; at++) {
      const here = (this.#bits[at] ?? 0) & ~(other.#bits[at] ?? 0);
      if ((here & (2 ** Math.min(8, lines - at * 8) - 1)) !== 0) return true;
    }
    return false;
  }
}

/** A file, how its lines end, and its form; undefined where not all of it can be read as lines. */
interface Copy {
  readonly source: Source;
  readonly content: { readonly ends: 'lf' | 'crlf' | 'both'; readonly erasedForm: ErasedForm | undefined };
}

/** How much of two copies is erased, and how many lines each has. */
export interface ErasedCopies {
  readonly first: ErasedForm;
  readonly second: ErasedForm;
}

/** Hashes the lines one by one, so that nothing of a file is kept. Whether all of them end with CR is asked elsewhere. */
export class ErasedLines implements LogSink {
  readonly #hash = createHash('sha256');
  readonly #limit: number;
  readonly #erased = new ErasedNumbers();
  #lines = 0;

  constructor(limit: number = Number.MAX_SAFE_INTEGER) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#lines >= this.#limit;
  }

  get form(): ErasedForm {
    return { lines: this.#lines, erased: this.#erased, digest: this.#hash.digest('hex') };
  }

  feed(bytes: Buffer, start: number, end: number): undefined {
    const line = bytes.subarray(start, bytes[end - 1] === 0x0d ? end - 1 : end);
    if (line.length === 0) return;
    const read = classifyLine(line);
    const isTaken = this.#add('line', erasedForm(line, read));
    if (isTaken && read.type === 'record' && read.commit !== undefined) this.#erased.add(this.#lines - 1);
  }

  feedForeign(bytes: Buffer, start: number, end: number): undefined {
    this.#add('foreign', bytes.subarray(start, end));
  }

  feedUnterminated(): void {} // no entry (M1.7)

  #add(what: string, form: Buffer): boolean {
    if (this.full) return false;
    this.#lines++;
    this.#hash.update(`${what} ${form.length} `).update(form);
    return true;
  }
}

/** Of the first `limit` lines, behind which nothing is read; undefined where a file cannot be read so. */
async function erasedFormOf(source: Source, limit: number): Promise<ErasedForm | undefined> {
  const sink = new ErasedLines(limit);
  const lines = new FileLines(sink);
  const splitter = lines.begin(source);
  try {
    for await (const chunk of source.read(() => undefined)) {
      await splitter.push(chunk);
      if (sink.full) return sink.form;
    }
    await lines.end(splitter);
  } catch (error) {
    if (error instanceof LineTooLong || isGone(error)) return undefined;
    throw error;
  }
  return sink.form;
}

/** What is erased of two files, if nothing else tells them apart and none has lines that the other one has otherwise. */
export async function erasedCopies(first: Copy, second: Copy): Promise<ErasedCopies | undefined> {
  const [one, two] = [first.content.erasedForm, second.content.erasedForm];
  const isWhole = first.content.ends !== 'both' && second.content.ends !== 'both';
  if (!isWhole || one === undefined || two === undefined || one.erased.count + two.erased.count === 0) return undefined;
  const least = Math.min(one.lines, two.lines);
  const begun = one.lines === least ? one : await erasedFormOf(first.source, least);
  const other = two.lines === least ? two : await erasedFormOf(second.source, least);
  return begun !== undefined && begun.digest === other?.digest ? { first: one, second: two } : undefined;
}
