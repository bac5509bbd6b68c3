import { beginsInsideLine } from './cut-line.ts';
import { LINE_LIMIT, LineSplitter } from './line-splitter.ts';
import { logOf } from './rotated-names.ts';
import type { Source } from './sources.ts';
import { type LogSink, type OnBeside, Unwrapping } from './unwrapping.ts';

/** At most this many bytes of lines that go on in later files are kept at once. */
const KEPT_LIMIT = 2 * LINE_LIMIT;

/** The sources behind one of the files. */
export function* behind(files: readonly { readonly source: Source }[], at: number): Generator<Source> {
  for (let next = at + 1; next < files.length; next++) yield (files[next] as { source: Source }).source;
}

/** Gives the lines of files that are read one after another: cut at LF, and out of their carrier where they have one. */
export class FileLines {
  readonly #sink: LogSink;
  readonly #onBeside: OnBeside | undefined;
  #source: Source | undefined;
  #unwrapping: Unwrapping | undefined;
  /** Files still to come that begin with the rest of a line, by what has begun that line. */
  readonly #begun = new Map<Source, { readonly unwrapping: Unwrapping; readonly how: 'goes on' | 'rest of torn' }>();

  constructor(sink: LogSink, onBeside?: OnBeside) {
    this.#sink = sink;
    this.#onBeside = onBeside;
  }

  /** How many bytes were lines of something else that a carrier has. */
  get besideBytes(): number {
    return this.#unwrapping?.besideBytes ?? 0;
  }

  /** What takes the bytes of the next file. */
  begin(source: Source): LineSplitter {
    const { carrier, size, repeatable } = source;
    if (carrier === undefined) return new LineSplitter(this.#sink, repeatable ? size : undefined);
    const begun = this.#begun.get(source);
    this.#begun.delete(source);
    this.#source = source;
    this.#unwrapping = begun?.unwrapping ?? this.#unwrapping ?? new Unwrapping(carrier, this.#sink, this.#onBeside);
    this.#unwrapping.beginFile(begun?.how ?? 'new');
    return new LineSplitter(this.#unwrapping);
  }

  /**
   * The file was read to its end. A line that a carrier cut may go on in the next file of the same log, by their names, or
   * where there is none in the next one of `following`.
   */
  async end(splitter: LineSplitter, following: Iterable<Source> = []): Promise<void> {
    const unwrapping = this.#unwrapping;
    await splitter.end(unwrapping === undefined);
    if (unwrapping === undefined || !(unwrapping.unfinished || unwrapping.torn)) return;
    const next = this.#nextOf(following);
    const isInside = next !== undefined && this.#isRoom(unwrapping) && (await beginsInsideLine(next, unwrapping.begun));
    if (!isInside) {
      if (unwrapping.unfinished) unwrapping.tear();
      return;
    }
    this.#begun.set(next, { unwrapping, how: unwrapping.unfinished ? 'goes on' : 'rest of torn' });
    this.#unwrapping = undefined;
  }

  #nextOf(following: Iterable<Source>): Source | undefined {
    const log = logOf(this.#source?.name ?? '');
    let first: Source | undefined;
    for (const source of following) {
      if (logOf(source.name) === log) return source;
      first ??= source;
    }
    return first !== undefined && this.#begun.has(first) ? undefined : first; // that one begins with the rest of another line
  }

  #isRoom({ begun }: Unwrapping): boolean {
    const kept = [...this.#begun.values()].map((one) => one.unwrapping.begun.length);
    return kept.reduce((sum, length) => sum + length, begun.length) <= KEPT_LIMIT;
  }
}
