import type { Clock } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import { isPassing } from '../disk/sink.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { makeEpoch } from '../epoch/epoch-maker.ts';
import type { KeySources } from '../epoch/key-sources.ts';
import type { StreamSite } from '../resume/stream-site.ts';
import type { StreamRun } from './stream-run.ts';

/** How long to wait before a disk that refused something is asked again, in milliseconds. */
const DISK_WAIT = 1_000;

/** How long the next stream waits for the signature of the one before, in milliseconds. No line is taken meanwhile. */
const SIGNATURE_WAIT = 2_000;

/** What a {@link StreamChain} needs of its sealer. */
export interface ChainHost {
  /** Whether a part of a long line is in the log: the parts of one line stay in one stream. */
  isWithinLine(): boolean;
  /** Makes a run of the continuing stream the one that lines go to. */
  begin(site: StreamSite, epoch: Epoch): StreamRun;
  /** Something that the log goes on without. */
  warn(error: unknown): void;
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

  constructor(isUsed: boolean, host: ChainHost, clock: Clock, signal: AbortSignal) {
    this.#continuation = isUsed ? import('./continuation.ts') : undefined;
    this.#continuation?.catch(() => undefined); // whoever needs it is told
    this.#host = host;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Streams that have their close but not its checkpoint. */
  get retiring(): ReadonlySet<StreamRun> {
    return this.#retiring;
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
    if (isFull) run.holdLines();
    if (this.#busy) return undefined; // whoever is at it lets the lines go on
    this.#busy = true;
    let epoch: Epoch | undefined;
    try {
      const continuation = await this.#continuation;
      if (continuation === undefined) return undefined;
      const { announce, pointTo } = continuation;
      const next = announce(run, this.#clock.now());
      epoch = await makeEpoch(sources, next.origin, next.state.epoch, this.#signal);
      if (this.#signal.aborted || run.obstacle !== undefined || this.#host.isWithinLine()) return undefined;
      const close = run.closeFor(next.origin);
      if (close === undefined) return undefined;
      const { sink } = run.log; // not before: where somebody had renamed the file, the close is in another one
      let isPersisted = false;
      await this.#untilDone(() => {
        isPersisted ||= run.closePersisted(close);
        if (!isPersisted || !run.writeOut()) return false;
        sink.datasyncSync();
        return true;
      });
      await this.#signed(run, close);
      const site = await this.#untilDone(() => pointTo(next, run, close, this.#clock.now()));
      run.closePublished(close);
      this.#retire(run, close);
      const { after } = site.state;
      this.#host.begin(site, epoch).begin({ why: 'new', ...(after && { after }) });
      epoch = undefined; // it is the run's
      return { from: sink.name, to: site.sink.name, origin: next.origin };
    } finally {
      epoch?.erase();
      run.letLines();
      this.#busy = false;
    }
  }

  /** Does what a disk may refuse for a while. */
  async #untilDone<T>(action: () => T | false): Promise<T> {
    for (;;) {
      try {
        const done = action();
        if (done !== false) return done;
      } catch (error) {
        if (!isPassing(error, 'run')) throw error;
        this.#host.warn(error);
      }
      await pause(DISK_WAIT, 'waiting for the disk', this.#signal, this.#clock);
    }
  }

  /**
   * Waits a moment for the signature of the close: until the next stream cites it, a process that ends leaves the old stream to
   * go on, and nothing unsigned for good.
   */
  async #signed(run: StreamRun, close: SealJob): Promise<void> {
    if (close.epoch.signers.length === 0) return;
    run.checkpointer.sign(close);
    const covered = run.whenCovered(close.size);
    do {
      await this.#within(SIGNATURE_WAIT, covered);
    } while (run.covered < close.size && (run.obstacle !== undefined || run.log.waiting > 0)); // then it is the disk that it waits for
    if (run.covered >= close.size && run.writeOut()) run.log.sink.datasyncSync(); // before a state says that it has ended
  }

  async #within(ms: number, done: Promise<void>): Promise<void> {
    const waited = new AbortController();
    const signal = AbortSignal.any([waited.signal, this.#signal]);
    try {
      await Promise.race([done, pause(ms, 'waiting for a signature', signal, this.#clock)]);
    } finally {
      waited.abort();
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
