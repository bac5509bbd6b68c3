import { type Clock, systemClock } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';

/**
 * Holds lookups for `rotateCheck` below a tenth of the read quota of a project and region (600 requests a minute by
 * default, cloud.google.com/kms/quotas): 60 at once, then one a second. Whoever asks for more waits.
 */
export class ReadBudget {
  readonly #clock: Clock;
  readonly #burst = 60;
  readonly #intervalMs = 1_000;
  #nextAt = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @throws {TamperError} `ABORTED` when the signal fires while waiting */
  async take(what: string, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const at = Math.max(this.#nextAt, now - (this.#burst - 1) * this.#intervalMs);
    this.#nextAt = at + this.#intervalMs;
    if (at > now) await pause(at - now, what, signal, this.#clock);
  }
}
