import { beginsInsideLine } from './cut-line.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Source } from './sources.ts';
import { type LogSink, type OnBeside, Unwrapping } from './unwrapping.ts';

/** Gives the lines of files that are read one after another: cut at LF, and out of their carrier where they have one. */
export class FileLines {
  readonly #sink: LogSink;
  readonly #onBeside: OnBeside | undefined;
  #unwrapping: Unwrapping | undefined;
  /** What the next file begins with. */
  #begins: Parameters<Unwrapping['beginFile']>[0] = 'new';

  constructor(sink: LogSink, onBeside?: OnBeside) {
    this.#sink = sink;
    this.#onBeside = onBeside;
  }

  /** How many bytes were lines of something else that a carrier has. */
  get besideBytes(): number {
    return this.#unwrapping?.besideBytes ?? 0;
  }

  /** What takes the bytes of the next file. */
  begin({ carrier, size, repeatable }: Source): LineSplitter {
    if (carrier === undefined) return new LineSplitter(this.#sink, repeatable ? size : undefined);
    this.#unwrapping ??= new Unwrapping(carrier, this.#sink, this.#onBeside);
    this.#unwrapping.beginFile(this.#begins);
    this.#begins = 'new';
    return new LineSplitter(this.#unwrapping);
  }

  /** The file was read to its end; `next` is the one that is read after it. A line that a carrier cut may go on there. */
  async end(splitter: LineSplitter, next?: Source): Promise<void> {
    splitter.end();
    if (this.#unwrapping === undefined || !(this.#unwrapping.unfinished || this.#unwrapping.torn)) return;
    const { unfinished, begun } = this.#unwrapping;
    const isInside = next !== undefined && (await beginsInsideLine(next, begun));
    if (isInside) this.#begins = unfinished ? 'goes on' : 'rest of torn';
    else if (unfinished) this.#unwrapping.tear();
  }
}
