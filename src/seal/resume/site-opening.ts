import { dirname } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { createDirectory } from '../../foundation/directory.ts';
import { pause } from '../../keys/retry.ts';
import { numbered } from '../disk/begin-file.ts';
import { type Lock, LockSeeker, type LockSettings } from '../disk/lock.ts';
import { resolveNames, STDOUT, type StreamNames, streamFiles } from '../disk/names.ts';
import { withCode } from '../disk/refusal.ts';
import { checkStateDirectory } from '../disk/safe-open.ts';
import { isPassing, systemCode } from '../disk/sink.ts';
import { StateFile, wasUnseen } from '../disk/state.ts';
import { beginInstead, openSite, type Place, type StreamSite } from './stream-site.ts';

/** How long to wait before a disk that is full is tried again, in milliseconds. */
const FULL_WAIT = 1_000;

/** The system's clock, which keeps no process alive. */
const idleClock: Clock = { ...systemClock, after: (ms, fire) => systemClock.after(ms, fire) };

/** What a {@link SiteOpening} is made from. */
export interface SiteOpeningOptions {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly lock: LockSettings | undefined;
  readonly warn: (error: Error) => void;
}

/**
 * The start of a stream's writer: its directories, its lock, its site, and the number of its first key period. Where the
 * lock's last holder may live still, or the disk is full, that takes time; lines wait meanwhile.
 */
export class SiteOpening {
  readonly names: StreamNames;
  readonly #options: SiteOpeningOptions;
  readonly #seeker: LockSeeker;
  #lock: Lock | undefined;
  #site: StreamSite | undefined;
  #announced = false;
  #warned = false;
  #obstacle: 'disk' | 'lock' | undefined;
  #failure: TamperError | undefined;

  /** @throws {@link TamperError} `ORIGIN_INVALID` */
  constructor(options: SiteOpeningOptions) {
    this.#options = options;
    this.names = resolveNames(options.config);
    this.#seeker = seekerOf(this.names, options.lock);
  }

  /** The state file of the configured stream. */
  get statePath(): string {
    return streamFiles(this.names.stateDir, this.names.stream).state;
  }

  /** How often the lock is to be renewed, in milliseconds. */
  get renewal(): number {
    return this.#seeker.renewal;
  }

  /** What the start waits for: room on the disk, or the lock of a writer who may live still. Undefined where it does not. */
  get obstacle(): 'disk' | 'lock' | undefined {
    return this.#obstacle;
  }

  /** The site, once it is open and the number of its first key period is in its state (M1.5). */
  get site(): StreamSite | undefined {
    return this.#announced ? this.#site : undefined;
  }

  /**
   * Does what can be done at once.
   *
   * @returns undefined where it has to be tried again
   * @throws {@link TamperError} `LOCKED`, `STATE_CONFLICT`, `STATE_MALFORMED`, `UNSAFE_PATH`, `READ_FAILED`, `WRITE_FAILED`
   */
  attempt(): StreamSite | undefined {
    const { config, clock } = this.#options;
    this.#obstacle = undefined;
    try {
      if (this.#lock === undefined) {
        prepareDirectories(this.names);
        this.#lock = this.#seeker.attempt();
      }
      if (this.#lock === undefined) {
        this.#obstacle = 'lock';
        return undefined;
      }
      this.#site ??= openSite(placeOf(this.names, this.#lock), config, clock.now());
      return this.#announce(this.#site);
    } catch (thrown) {
      const error = withCode(thrown);
      const isOutdated = wasUnseen(error);
      if (config.onWriteFailure === 'stop' || !(isOutdated || isPassing(error, 'start'))) {
        this.release();
        throw error;
      }
      if (isOutdated) {
        this.#site?.sink.close();
        this.#site = undefined;
      }
      this.#obstacle = 'disk';
      this.#failure = error;
      return undefined;
    }
  }

  /** Tries until it is done. @throws {@link TamperError} as {@link SiteOpening.attempt} does; `ABORTED` */
  async wait(signal: AbortSignal): Promise<StreamSite> {
    for (;;) {
      const site = this.attempt();
      if (site !== undefined) return site;
      if (this.#failure !== undefined && !this.#warned) {
        this.#warned = true;
        await Promise.resolve(); // whoever made the sealer listens by then
        this.#options.warn(this.#failure);
      }
      const isDisk = this.#obstacle === 'disk';
      const wait = isDisk ? FULL_WAIT : this.#seeker.pause;
      // a lease ends soon; a disk may stay full, and nothing of a sealer keeps a process alive that only logs
      await pause(wait, 'waiting for the stream', signal, isDisk ? idleClock : systemClock);
    }
  }

  /** Leaves the stream that was opened, to which nothing was written, for a new one that cites it. @throws as {@link SiteOpening.attempt} does */
  beginInstead(site: StreamSite, reason: string): StreamSite {
    site.sink.close();
    this.#announced = false;
    this.#site = undefined;
    this.#site = beginInstead(placeOf(this.names, site.lock), this.#options.clock.now(), reason);
    return this.#announce(this.#site);
  }

  /** Says that we go on writing. @throws {@link TamperError} `LOCKED` where another writer has taken over */
  renew(): void {
    this.#lock?.renew();
  }

  /** Gives the stream up. The sink of an open {@link SiteOpening.site} is closed by whoever writes to it. */
  release(): void {
    if (!this.#announced) this.#site?.sink.close();
    this.#lock?.release();
  }

  #announce(site: StreamSite): StreamSite {
    if (this.#announced) return site;
    const { state, resumption, stateFile, sink } = site;
    const known = resumption.end > 0 ? numbered(sink, state) : state; // of a file without a line no start misses anything
    const announced = { ...known, epoch: Math.max(resumption.epoch, state.epoch) + 1 };
    stateFile.replaceSync(announced);
    this.#announced = true;
    this.#site = { ...site, state: announced };
    return this.#site;
  }
}

export function seekerOf({ stateDir, stream, instance }: StreamNames, settings: LockSettings | undefined): LockSeeker {
  return new LockSeeker(streamFiles(stateDir, stream).prefix, instance, settings);
}

export function placeOf({ origin, base, stateDir, stream }: StreamNames, lock: Lock): Place {
  return { origin, base, stateDir, lock, root: new StateFile(streamFiles(stateDir, stream).state, lock, base) };
}

export function prepareDirectories({ stateDir, base }: StreamNames): void {
  makeDirectory(stateDir, 0o700, 'Set state_dir to a directory that this process may create.');
  checkStateDirectory(stateDir);
  if (base !== STDOUT) makeDirectory(dirname(base), 0o755, 'Set file to a place that this process may write to.');
}

function makeDirectory(path: string, mode: number, hint: string): void {
  try {
    createDirectory(path, mode);
  } catch (cause) {
    throw new TamperError('WRITE_FAILED', `cannot create the directory ${path} (${systemCode(cause)})`, {
      cause,
      hint,
    });
  }
}
