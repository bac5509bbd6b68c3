import type { Clock } from '../../foundation/clock.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import type { Epoch } from '../epoch/epoch.ts';
import type { KeySources } from '../epoch/key-sources.ts';
import { Outage } from '../epoch/outage.ts';
import type { StreamSite } from '../resume/stream-site.ts';
import type { StreamRun } from './stream-run.ts';

/** What a {@link StreamChain} needs of its sealer. */
export interface ChainHost {
  /** Whether a part of a long line is in the log: the parts of one line stay in one stream. */
  isWithinLine(): boolean;
  /** Makes a run of the continuing stream the one that lines go to. */
  begin(site: StreamSite, epoch: Epoch): StreamRun;
  /** Something that the log goes on without. */
  warn(error: unknown): void;
  /** A disk that refuses something for now ends the log. */
  readonly stopsAtDisk: boolean;
}

/**
 * `rotate_chain` (spec 6): each file is a stream of its own, under a key of its own, that cites the one before. An ended
 * stream keeps its file open until its last checkpoint is there.
 */
export class StreamChain {
  readonly #host: ChainHost;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Loaded at the start where it will be needed, and nowhere else. */
  readonly #continuation: Promise<typeof import('./continuation.ts')> | undefined;
  readonly #retiring = new Set<StreamRun>();
  #records = 0;
  #gaps = 0;
  #busy = false;
  #waitsForDisk = false;
  readonly #outage: Outage;
  /** A full file would ask for the next key before each line: after a failure it goes on for a while. */
  #rests = false;

  constructor(isUsed: boolean, host: ChainHost, clock: Clock, signal: AbortSignal) {
    this.#continuation = isUsed ? import('./continuation.ts') : undefined;
    this.#continuation?.catch(() => undefined); // whoever needs it is told
    this.#host = host;
    this.#clock = clock;
    this.#outage = new Outage(clock);
    this.#signal = signal;
  }

  /** Streams that have their close but not its checkpoint. */
  get retiring(): ReadonlySet<StreamRun> {
    return this.#retiring;
  }

  /** Whether the next stream cannot begin because a disk refuses something for now. */
  get waitsForDisk(): boolean {
    return this.#waitsForDisk;
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
    if (isFull && this.#rests) return undefined;
    if (isFull) run.holdLines();
    if (this.#busy) return undefined; // whoever is at it lets the lines go on
    this.#busy = true;
    try {
      const continuation = await this.#continuation;
      const rotated = await continuation?.goOnInNextStream(run, sources, {
        isWithinLine: () => this.#host.isWithinLine(),
        begin: (site, epoch) => this.#host.begin(site, epoch),
        retire: (close) => this.#retire(run, close),
        warn: (error) => this.#host.warn(error),
        refused: (error) => this.#refused(error),
        clock: this.#clock,
        signal: this.#signal,
      });
      this.#outage.worked();
      return rotated;
    } catch (error) {
      this.#rest(error);
      throw error;
    } finally {
      run.letLines();
      this.#busy = false;
      this.#waitsForDisk = false;
    }
  }

  #rest(error: unknown): void {
    this.#outage.failed();
    this.#rests = true;
    this.#clock.after(this.#outage.wait(error), () => {
      this.#rests = false;
    });
  }

  /** The disk is asked again every second: one warning says so. */
  #refused(error: unknown): void {
    if (this.#host.stopsAtDisk) throw error;
    if (!this.#waitsForDisk) this.#host.warn(error);
    this.#waitsForDisk = true;
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
