import type { Clock } from '../../foundation/clock.ts';
import { formatStamp } from '../../foundation/time.ts';
import { pause } from '../../keys/retry.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import { continuingOrigin, filesOf, type NextFile, nextFile } from '../disk/names.ts';
import { isPassing } from '../disk/sink.ts';
import { beginFile } from '../disk/sink-file.ts';
import { StateFile } from '../disk/state.ts';
import type { StreamState } from '../disk/state-record.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { makeEpoch } from '../epoch/epoch-maker.ts';
import type { KeySources } from '../epoch/key-sources.ts';
import { freshStart } from '../resume/recovery.ts';
import { leadTo, type StreamSite } from '../resume/stream-site.ts';
import type { StreamRun } from './stream-run.ts';

/** How long to wait before a disk that refused something is asked again, in milliseconds. */
const DISK_WAIT = 1_000;

/** A stream that is about to continue another one. */
interface Continuation {
  readonly origin: string;
  readonly stateFile: StateFile;
  readonly state: StreamState;
}

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
  readonly #retiring = new Set<StreamRun>();
  #records = 0;
  #gaps = 0;
  #busy = false;

  constructor(host: ChainHost, clock: Clock, signal: AbortSignal) {
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
      const next = announce(run, this.#clock.now());
      epoch = await makeEpoch(sources, next.origin, next.state.epoch, this.#signal);
      if (this.#signal.aborted || run.obstacle !== undefined || this.#host.isWithinLine()) return undefined;
      const close = run.closeFor(next.origin);
      if (close === undefined) return undefined;
      const { sink } = run.log; // not before: where somebody had renamed the file, the close is in another one
      let isPersisted = false;
      let isDurable = false;
      const site = await this.#untilDone(() => {
        isPersisted ||= run.closePersisted(close);
        if (!isPersisted || !run.writeOut()) return false;
        if (!isDurable) sink.datasyncSync(); // once: it is never tried again
        isDurable = true;
        return pointTo(next, run, close, this.#clock.now());
      });
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

  #retire(run: StreamRun, close: SealJob): void {
    if (close.epoch.signers.length > 0) run.checkpointer.sign(close);
    this.#records += run.stream.records;
    this.#gaps += run.stream.gaps;
    this.#retiring.add(run);
    void run.whenCovered(close.size).then(() => {
      this.#retiring.delete(run);
      run.end();
    });
  }
}

/** Names the continuing stream, and announces its first key period in a state of its own, durably (spec 1). */
function announce(run: StreamRun, now: number): Continuation {
  const stamp = formatStamp(now);
  const { root, stateDir, lock, origin: before } = run.site;
  const origin = continuingOrigin(root.read()?.origin ?? before, stamp);
  const stateFile = new StateFile(filesOf(stateDir, origin).state, lock);
  const { base } = run.state;
  const state: StreamState = { origin, size: 0, frontier: [], ...nextNames(run, now), offset: 0, base, epoch: 1 };
  stateFile.replaceSync(state);
  return { origin, stateFile, state };
}

function nextNames({ state: { base }, log: { sink } }: StreamRun, now: number): NextFile {
  return nextFile(base, sink.name, now, !sink.inPlace);
}

/** Leads from the ended stream, and from the configured one, to the continuing one; opens its file. */
function pointTo(next: Continuation, run: StreamRun, close: SealJob, now: number): StreamSite {
  const { root, lock, stateDir } = run.site;
  const { origin, stateFile } = next;
  const { renamed: _asAnnounced, ...announced } = next.state;
  const state: StreamState = {
    ...announced,
    ...nextNames(run, now), // somebody may have renamed the file since
    after: { origin: run.stream.origin, size: close.size, root: close.root },
  };
  stateFile.replaceSync(state);
  const continuedBy = { origin, reason: 'rotate_chain', why: 'new' } as const;
  run.changeState({ continuedBy, ...(state.renamed !== undefined && { file: state.renamed }) });
  if (run.site.stateFile.path !== root.path) leadTo(root, continuedBy);
  if (state.renamed !== undefined) run.log.sink.rename(state.renamed);
  const sink = beginFile(state.file, { lease: lock, after: run.log.sink });
  return { origin, root, stateDir, lock, stateFile, state, resumption: freshStart(state.file), sink };
}
