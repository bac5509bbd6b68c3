import { beginsInsideLine } from './cut-line.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Source } from './sources.ts';
import { type LogSink, Unwrapping } from './unwrapping.ts';

/** Gives the lines of files that are read one after another: cut at LF, and out of their carrier where they have one. */
export class FileLines {
  readonly #sink: LogSink;
  readonly #onBeside: (() => void) | undefined;
  #unwrapping: Unwrapping | undefined;

  /** `onBeside` is told of each line that a carrier has of something else than the log. */
  constructor(sink: LogSink, onBeside?: () => void) {
    this.#sink = sink;
    this.#onBeside = onBeside;
  }

  /** What takes the bytes of the next file. */
  begin({ carrier }: Source): LineSplitter {
    if (carrier === undefined) return new LineSplitter(this.#sink);
    this.#unwrapping ??= new Unwrapping(carrier, this.#sink, this.#onBeside);
    this.#unwrapping.beginFile();
    return new LineSplitter(this.#unwrapping);
  }

  /** The file has ended; `next` is the one that is read after it. A line that a carrier cut may go on there. */
  async end(splitter: LineSplitter, next?: Source): Promise<void> {
    splitter.end();
    if (this.#unwrapping?.unfinished !== true) return;
    if (next === undefined || !(await beginsInsideLine(next))) this.#unwrapping.tear();
  }
}
