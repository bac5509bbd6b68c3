import type { ResolvedConfig } from '../../config/index.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';

/** The first wait after a failure, in milliseconds; it doubles. Key sources have short retries of their own. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;

/** The time during which the key service does not do what we need. */
export class Outage {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #random: () => number;
  #since: number | undefined;
  #failures = 0;

  constructor(clock: Pick<Clock, 'now'>, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Since when, in milliseconds; undefined while all is well. */
  get since(): number | undefined {
    return this.#since;
  }

  /** @returns whether an outage begins with this failure */
  failed(): boolean {
    this.#failures++;
    const begins = this.#since === undefined;
    this.#since ??= this.#clock.now();
    return begins;
  }

  /** @returns whether an outage has ended */
  worked(): boolean {
    const ended = this.#since !== undefined;
    this.#since = undefined;
    this.#failures = 0;
    return ended;
  }

  /** How long to wait before the next attempt, in milliseconds: bounded, growing, jittered, never less than asked for. */
  wait(error: unknown): number {
    const ceiling = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failures - 1, 16));
    const asked = isTamperError(error) ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(asked, ceiling / 2 + (this.#random() * ceiling) / 2);
  }
}

/** Who is told what an {@link OutagePolicy} decides. */
export interface OutageListener {
  /** Sealing goes on; the log is to say since when. Told once for each outage, whoever noticed it. */
  began(since: number, error: unknown): void;
  /** All keys work again. Told of an outage that began. */
  over(): void;
  /** The log ends. */
  stop(error: TamperError): void;
}

/** A use of the keys that failed, after the source's own retries. */
export interface Failing {
  /** What failed. It counts as failing until it says that it {@link OutagePolicy.worked}. */
  readonly who: object;
  readonly error: unknown;
  /** Since when it fails, in milliseconds. */
  readonly since: number;
}

/**
 * What happens while keys fail: `on_kms_failure`, `max_unsigned_seconds`. Signatures and looks at the keys fail each by
 * themselves, and say so here; an outage begins with the first that does and is over when all work again.
 */
export class OutagePolicy {
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #listener: OutageListener;
  readonly #failing = new Map<object, number>();
  #watcher: ((failing: Failing) => void) | undefined;
  #told = false;
  #cancelStop: (() => void) | undefined;

  constructor(config: ResolvedConfig, clock: Clock, listener: OutageListener) {
    this.#config = config;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Each failure is told to whoever can do something about the keys, before anything is decided. */
  watch(watcher: (failing: Failing) => void): void {
    this.#watcher = watcher;
  }

  failed(failing: Failing): void {
    this.#watcher?.(failing);
    const { who, error, since: its } = failing;
    const begins = this.#failing.size === 0;
    if (!this.#failing.has(who)) this.#failing.set(who, its);
    const since = Math.min(...this.#failing.values());
    const { onKmsFailure, maxUnsignedSeconds } = this.#config;
    const left = since + maxUnsignedSeconds * 1000 - this.#clock.now();
    if (onKmsFailure === 'stop' || (maxUnsignedSeconds > 0 && left <= 0)) {
      this.#listener.stop(stopError(error, since));
      return;
    }
    if (maxUnsignedSeconds > 0) {
      this.#cancelStop ??= this.#clock.after(left, () => this.#listener.stop(stopError(error, since)));
    }
    if (!begins) return;
    this.#told = true;
    this.#listener.began(since, error);
  }

  worked(who: object): void {
    if (!this.#failing.delete(who) || this.#failing.size > 0) return;
    this.stop();
    if (this.#told) this.#listener.over();
    this.#told = false;
  }

  stop(): void {
    this.#cancelStop?.();
    this.#cancelStop = undefined;
  }
}

function stopError(cause: unknown, since: number): TamperError {
  return new TamperError(
    'KEY_SERVICE_STOP',
    `no more lines are accepted: the keys have been failing since ${new Date(since).toISOString()}`,
    {
      cause,
      hint: 'on_kms_failure: stop, or max_unsigned_seconds, asks for this. What was accepted is sealed; the next start signs it.',
    },
  );
}
