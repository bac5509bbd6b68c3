import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { inTime } from '../../foundation/steps.ts';
import { keyStateOf } from '../../keys/key-life.ts';
import { Outage, type OutagePolicy } from '../epoch/outage.ts';
import { signNote } from './note-signing.ts';
import type { SealedStream, SealJob } from './seal-job.ts';

/** What {@link LateSignatures} are made with. */
export interface LateOptions {
  readonly stream: Pick<SealedStream, 'publish' | 'released'>;
  readonly outages: OutagePolicy;
  readonly clock: Clock;
  /** Ends it, once it is woken. */
  readonly signal: AbortSignal;
  /** Something that the log goes on without. */
  readonly warn: (error: unknown) => void;
}

/** So many checkpoints wait; the oldest goes first. There are two or three for each hand-over. */
const MOST = 100;

interface Late {
  readonly job: SealJob;
  /** The service names a state of the key in which it signs nothing. It may come back from there; nobody waits for it. */
  ended: boolean;
}

/**
 * Checkpoints of key periods that are over, and whose own key did not sign yet (spec 5). The next key period does not wait
 * for them, and they wait for their key: as long as the run lasts, since a checkpoint line may stand anywhere after its
 * seal (M4.8).
 */
export class LateSignatures {
  readonly #options: LateOptions;
  readonly #outage: Outage;
  #waiting: Late[] = [];
  #running = false;
  #wake: (() => void) | undefined;

  constructor(options: LateOptions) {
    this.#options = options;
    this.#outage = new Outage(options.clock);
  }

  /** Whether a signature is still to be expected, so that not everything is covered as it should be. */
  get expected(): boolean {
    return this.#waiting.some(({ ended }) => !ended);
  }

  /** Takes a checkpoint whose signature failed with `error`. */
  add(job: SealJob, error: unknown): void {
    this.#waiting.push({ job, ended: this.#note(job, error, false) });
    const dropped = this.#waiting.length > MOST ? this.#waiting.shift() : undefined;
    if (dropped !== undefined) this.#options.warn(givenUp(dropped.job));
    this.#tell(error);
    if (!this.#running) void this.#run();
  }

  /** Waits no longer for these: their keys are no more. */
  release(gone: (job: SealJob) => boolean): void {
    this.#waiting = this.#waiting.filter(({ job }) => !gone(job));
    if (this.expected || !this.#running) return;
    this.#tell(undefined);
    if (this.#waiting.length === 0) this.wake();
  }

  /** Tries again at once, or ends. */
  wake(): void {
    this.#wake?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let error: unknown;
    while (this.#waiting.length > 0) {
      this.#outage.failed();
      await this.#pause(error);
      if (this.#options.signal.aborted) break;
      error = await this.#tryAll();
    }
    this.#outage.worked();
    this.#running = false;
  }

  /** @returns the last error */
  async #tryAll(): Promise<unknown> {
    const { stream, signal, warn } = this.#options;
    let last: unknown;
    for (const late of [...this.#waiting]) {
      try {
        const note = await inTime(signNote(late.job, signal, warn, () => undefined)); // its part was written when it failed
        if (signal.aborted) return undefined;
        this.#waiting = this.#waiting.filter((one) => one !== late);
        stream.publish(late.job, note, true);
      } catch (error) {
        if (signal.aborted) return error;
        last = error;
        late.ended = this.#note(late.job, error, late.ended);
      }
    }
    this.#tell(last);
    return last;
  }

  /** @returns whether the key's state keeps it from signing; said once for each checkpoint */
  #note(job: SealJob, error: unknown, before: boolean): boolean {
    const ended = keyStateOf(error) !== undefined;
    if (ended && !before) this.#options.warn(unsigned(job, error));
    return ended;
  }

  #tell(error: unknown): void {
    const { stream, outages, clock } = this.#options;
    if (this.expected) {
      outages.failed({ who: this, error, since: this.#outage.since ?? clock.now() });
      return;
    }
    outages.worked(this);
    stream.released();
  }

  async #pause(error: unknown): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(this.#outage.wait(error), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      if (this.#options.signal.aborted) this.#wake();
    });
  }
}

function unsigned(job: SealJob, cause: unknown): TamperError {
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `key period ${job.epoch.kid} ended without a signature by its own key over its last entries, up to ${job.size}`,
    {
      cause,
      hint: 'What its key had signed before stays covered; its last entries are not, for an auditor who has only public keys. Keep an old version usable until the hand-over is signed.',
    },
  );
}

function givenUp(job: SealJob): TamperError {
  return new TamperError('KEY_VERSION_UNAVAILABLE', `the signature over checkpoint ${job.size} is no longer needed`);
}
