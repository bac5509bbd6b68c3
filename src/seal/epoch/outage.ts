import { isTamperError } from '../../errors.ts';
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
