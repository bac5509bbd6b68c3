import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { keyStateOf } from '../../keys/key-life.ts';
import { Outage } from '../epoch/outage.ts';
import type { Failing } from '../epoch/outage-policy.ts';
import type { SealJob } from './seal-job.ts';

/** What {@link LateSignatures} need of whoever signs. */
export interface LateHost {
  /** The full note of a checkpoint. */
  sign(job: SealJob): Promise<string>;
  publish(job: SealJob, note: string): void;
  outage(failing: Failing): void;
  outageOver(who: object): void;
  /** Nothing waits any more for a key that may yet sign. */
  released(): void;
  warn(error: unknown): void;
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
  readonly #host: LateHost;
  readonly #clock: Clock;
  readonly #outage: Outage;
  #waiting: Late[] = [];
  #running = false;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(host: LateHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    this.#outage = new Outage(clock);
  }

  /** Whether a signature is still to be expected, so that not everything is covered as it should be. */
  get expected(): boolean {
    return this.#waiting.some(({ ended }) => !ended);
  }

  /** Takes a checkpoint whose signature failed with `error`. */
  add(job: SealJob, error: unknown): void {
    this.#waiting.push({ job, ended: this.#note(job, error, false) });
    const dropped = this.#waiting.length > MOST ? this.#waiting.shift() : undefined;
    if (dropped !== undefined) this.#host.warn(givenUp(dropped.job));
    this.#tell(error);
    if (!this.#running) void this.#run();
  }

  /** Tries again at once. */
  retryNow(): void {
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let error: unknown;
    while (this.#waiting.length > 0) {
      this.#outage.failed();
      await this.#pause(error);
      if (this.#stopped) break;
      error = await this.#tryAll();
    }
    this.#outage.worked();
    this.#running = false;
  }

  /** @returns the last error */
  async #tryAll(): Promise<unknown> {
    let last: unknown;
    for (const late of [...this.#waiting]) {
      try {
        const note = await this.#host.sign(late.job);
        if (this.#stopped) return undefined;
        this.#waiting = this.#waiting.filter((one) => one !== late);
        this.#host.publish(late.job, note);
      } catch (error) {
        if (this.#stopped) return error;
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
    if (ended && !before) this.#host.warn(unsigned(job, error));
    return ended;
  }

  #tell(error: unknown): void {
    if (this.expected) {
      this.#host.outage({ who: this, error, since: this.#outage.since ?? this.#clock.now() });
      return;
    }
    this.#host.outageOver(this);
    this.#host.released();
  }

  async #pause(error: unknown): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(this.#outage.wait(error), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
  }
}

function unsigned(job: SealJob, cause: unknown): TamperError {
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `key period ${job.epoch.kid} ended without the signature of its own key over its last entries, up to ${job.size}`,
    {
      cause,
      hint: 'What its key had signed before stays covered; its last entries are not, for whoever has the public key alone. Keep an old version usable until the hand-over is signed.',
    },
  );
}

function givenUp(job: SealJob): TamperError {
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `nobody waits any more for a signature over checkpoint ${job.size}`,
  );
}
