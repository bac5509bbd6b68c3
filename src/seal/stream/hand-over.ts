import { isTamperError } from '../../errors.ts';
import { signersOf } from '../../format/key-reference.ts';
import type { Clock } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { makeEpoch } from '../epoch/epoch-maker.ts';
import { type KeySources, providersOf } from '../epoch/key-sources.ts';
import { type Failing, Outage, type OutagePolicy } from '../epoch/outage.ts';
import type { StreamRun } from './stream-run.ts';

/** How far a check may come before its time, as a part of it: many writers must not ask at once. */
const JITTER = 0.2;
/** How long a hand-over waits between looks at a change of file that is going on, in milliseconds. */
const ROTATION_WAIT = 20;

/** What a {@link HandOver} needs of its sealer. */
export interface HandOverHost {
  /** The run that is being written. */
  run(): StreamRun;
  /** Another key period is in force, by entries that were appended. */
  handedOver(from: Epoch, to: Epoch): void;
  warn(error: unknown): void;
}

/** What a {@link HandOver} is made from. */
export interface HandOverOptions {
  readonly sources: KeySources;
  /** How old the knowledge of the keys' versions may be (`key_cache_ttl_seconds`). */
  readonly ttlSeconds: number;
  readonly maxEpochSeconds: number;
  readonly clock: Clock;
  readonly outages: OutagePolicy;
  readonly host: HandOverHost;
  readonly random?: () => number;
}

/**
 * Begins a new key period while the log runs (spec 5): when a key has changed behind its name, and when the period is old
 * enough. The log does not wait; until the new key is there, the old one goes on.
 */
export class HandOver {
  readonly #options: HandOverOptions;
  readonly #random: () => number;
  readonly #outage: Outage;
  readonly #abort = new AbortController();
  #cancelCheck: (() => void) | undefined;
  #cancelAge: (() => void) | undefined;
  #busy = false;
  #due = false;
  #changedBefore = false;
  #failingSince: number | undefined;

  constructor(options: HandOverOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#outage = new Outage(options.clock, this.#random);
  }

  /** A key period begins: its age counts from now. */
  start(): void {
    this.#options.outages.watch((failing) => this.#signingFails(failing));
    this.#armAge();
    this.#armCheck(this.#interval());
  }

  /** Looks at the keys at once. */
  #checkNow(): void {
    this.#armCheck(0);
  }

  /**
   * Signatures fail. A key that signs no more may have a successor: that is looked at when it begins, and each time where
   * waiting alone would not help.
   */
  #signingFails({ who, error, since }: Failing): void {
    if (who === this) return;
    const begins = this.#failingSince !== since;
    this.#failingSince = since;
    const waits = isTamperError(error) && error.retryable && error.code !== 'SIGNATURE_REJECTED';
    if (begins || !waits) this.#checkNow();
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelCheck?.();
    this.#cancelAge?.();
  }

  #interval(): number {
    return this.#options.ttlSeconds * 1000 * (1 - JITTER * this.#random());
  }

  #armCheck(delay: number): void {
    this.#cancelCheck?.();
    this.#cancelCheck = this.#options.clock.after(delay, () => void this.#check());
  }

  #armAge(): void {
    this.#cancelAge?.();
    this.#cancelAge = this.#options.clock.after(this.#options.maxEpochSeconds * 1000, () => {
      this.#due = true;
      this.#checkNow();
    });
  }

  async #check(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    let next = this.#interval();
    try {
      const changed = await this.#changed();
      if (changed || this.#due) await this.#begin();
      if (this.#outage.worked()) this.#options.outages.worked(this);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      next = this.#failed(error);
    } finally {
      this.#busy = false;
    }
    if (!this.#abort.signal.aborted) this.#armCheck(next);
  }

  /** @returns when to look again, in milliseconds */
  #failed(error: unknown): number {
    const { host, clock, outages } = this.#options;
    this.#outage.failed();
    // without room for the state no number can be announced; that is no fault of the key service
    if (isTamperError(error, 'WRITE_FAILED')) host.warn(error);
    else outages.failed({ who: this, error, since: this.#outage.since ?? clock.now() });
    return this.#outage.wait(error);
  }

  async #changed(): Promise<boolean> {
    const { signal } = this.#abort;
    let changed = false;
    for (const provider of providersOf(this.#options.sources)) {
      if (await provider.rotateCheck({ signal })) changed = true;
    }
    // a failed hand-over must not be forgotten, and a change is told once only
    this.#changedBefore ||= changed;
    return this.#changedBefore;
  }

  async #begin(): Promise<void> {
    const { host, sources, clock } = this.#options;
    const { signal } = this.#abort;
    const run = host.run();
    const number = run.state.epoch + 1;
    run.announce(number);
    const next = await makeEpoch(sources, run.stream.origin, number, signal);
    while (run.rotating && !signal.aborted) await pause(ROTATION_WAIT, 'waiting for the next file', signal, clock);
    const before = run.log.epoch;
    if (signal.aborted || run.ended || host.run() !== run || (!this.#due && isSame(before, next))) {
      next.erase();
    } else {
      run.handOver(next);
      host.handedOver(before, next);
      this.#due = false;
      this.#armAge();
    }
    this.#changedBefore = false;
  }
}

/**
 * Whether two key periods are under the same keys. Public keys are compared, not only the names that they have at the
 * service; minted data keys always differ, so of them it is what wrapped them.
 */
function isSame(one: Epoch, other: Epoch): boolean {
  return keysOf(one).join('\n') === keysOf(other).join('\n');
}

function keysOf({ reference, incarnation }: Epoch): string[] {
  const data = reference.records === 'mac' ? [`${reference.source} ${reference.identity} ${incarnation ?? ''}`] : [];
  const signers = signersOf(reference).map(
    ({ source, identity, spki }) => `${source} ${identity} ${spki?.toString('base64') ?? ''}`,
  );
  return [reference.records, ...data, ...signers];
}
