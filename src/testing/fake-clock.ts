import { type Clock, clampDelay } from '../foundation/clock.ts';

interface FakeTimer {
  readonly at: number;
  readonly fire: () => void;
}

/** A {@link Clock} that stands still until {@link FakeClock.advance} moves it. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<FakeTimer>();

  /** @param startMs - wall time at the beginning, in milliseconds since 1970 */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.#now + clampDelay(delayMs), fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** When the next timer fires, in milliseconds from now; undefined without one. */
  get nextIn(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /** Moves time forward, fires what is due in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.at <= target; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await settle();
    }
    this.#now = target;
    await settle();
  }

  #next(): FakeTimer | undefined {
    let earliest: FakeTimer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer;
    return earliest;
  }
}

/** Lets everything that waits only for promises run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
