import type { Clock } from '../../foundation/clock.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import type { KeySources } from '../epoch/key-sources.ts';
import type { ChainHost, Succession } from './continuation.ts';
import type { StreamRun } from './stream-run.ts';

/**
 * `rotate_chain` (spec 6): each file is a stream of its own, under a key of its own, that cites the one before. An ended
 * stream keeps its file open until its last checkpoint is there.
 */
export class StreamChain {
  /** Loaded at the start where it will be needed, and nowhere else. */
  readonly #loading: Promise<unknown> | undefined;
  readonly #retiring = new Set<StreamRun>();
  #succession: Succession | undefined;
  #records = 0;
  #gaps = 0;
  #busy = false;

  constructor(isUsed: boolean, host: ChainHost, clock: Clock, signal: AbortSignal) {
    if (!isUsed) return;
    this.#loading = import('./continuation.ts').then(({ Succession }) => {
      this.#succession = new Succession(host, clock, signal);
    });
    this.#loading.catch(() => undefined); // next() rejects with it
  }

  /** Streams that have their close but not its checkpoint. */
  get retiring(): ReadonlySet<StreamRun> {
    return this.#retiring;
  }

  /** Whether the next stream cannot begin because a disk refuses something for now. */
  get waitsForDisk(): boolean {
    return this.#succession?.waitsForDisk === true;
  }

  /** Record lines of the streams that have ended. */
  get records(): number {
    return this.#records;
  }

  /** `gap` entries of the streams that have ended. */
  get gaps(): number {
    return this.#gaps;
  }

  /**
   * Ends the stream of `run` and begins the next one. Up to the `close` a failure leaves `run` as it was; from then on a disk
   * that fails for now is waited for, and no line is taken meanwhile.
   *
   * @param isFull - the file is full: no line is taken until the next key is there, or does not come
   * @returns where lines went before and go now; undefined where nothing was to be done
   * @throws what the key sources throw; `WRITE_FAILED`
   */
  async next(
    run: StreamRun,
    sources: KeySources,
    isFull: boolean,
  ): Promise<{ from: string; to: string; origin: string } | undefined> {
    if (isFull && this.#succession?.rests === true) return undefined;
    if (isFull) run.holdLines();
    if (this.#busy) return undefined; // whoever is at it lets the lines go on
    this.#busy = true;
    try {
      await this.#loading;
      return await this.#succession?.next(run, sources, (close) => this.#retire(run, close));
    } finally {
      run.letLines();
      this.#busy = false;
    }
  }

  #retire(run: StreamRun, close: SealJob): void {
    this.#records += run.stream.records;
    this.#gaps += run.stream.gaps;
    this.#retiring.add(run);
    void run.whenCovered(close.size).then(() => {
      this.#retiring.delete(run);
      run.end();
    });
  }
}
