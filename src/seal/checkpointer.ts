import { isTamperError } from '../errors.ts';
import type { Clock } from '../keys/clock.ts';
import { macNote, signNote, signWithoutOwnKeys } from './note-signing.ts';
import type { Outage } from './outage.ts';
import type { SealJob } from './seal-job.ts';

/** What a {@link Checkpointer} needs of the stream that it serves. */
export interface CheckpointerHost {
  /** Resolves when the entries of the job are written and durable, and the state says so. */
  persist(job: SealJob): Promise<void>;
  /** Appends a checkpoint line. `full`: with everything that its key period promises. */
  publish(job: SealJob, note: string, full: boolean): void;
  /** The key service failed. `begins`: for the first time in a row. */
  outage(error: unknown, begins: boolean): void;
  /** The key service works again. */
  outageOver(): void;
  /** Something that the log goes on without. */
  warn(error: unknown): void;
  /** Something that the log cannot go on without. */
  fail(error: unknown): void;
}

/**
 * M4.7: Brings seals to checkpoints, in the order of spec 4: durable, state, sign, check, append the line. The log does not
 * wait for it. While one signature is being made, later seals of the same key period replace each other: the newest
 * covers all.
 */
export class Checkpointer {
  readonly #host: CheckpointerHost;
  readonly #clock: Clock;
  readonly #outage: Outage;
  readonly #abort = new AbortController();
  #sealed: SealJob[] = [];
  #unsigned: SealJob[] = [];
  #persisting = false;
  #signing = false;
  #wake: (() => void) | undefined;

  constructor(host: CheckpointerHost, clock: Clock, outage: Outage) {
    this.#host = host;
    this.#clock = clock;
    this.#outage = outage;
  }

  /** Whether nothing is left to do. */
  get idle(): boolean {
    return this.#sealed.length === 0 && this.#unsigned.length === 0 && !this.#persisting && !this.#signing;
  }

  /** A seal was written (or waits in the batch). */
  submit(job: SealJob): void {
    this.#sealed.push(job);
    void this.#persist();
  }

  /** Everything sealed so far has been persisted by somebody else, synchronously. */
  persisted(): void {
    for (const job of this.#sealed) this.#enqueue(job);
    this.#sealed = [];
    void this.#sign();
  }

  /** A seal that is durable, and in the state, already. */
  sign(job: SealJob): void {
    this.#enqueue(job);
    void this.#sign();
  }

  /** Ends what waits for a key service. */
  stop(): void {
    this.#abort.abort();
    this.#wake?.();
  }

  /** Tries again at once where an attempt is being waited for. */
  retryNow(): void {
    this.#wake?.();
  }

  async #persist(): Promise<void> {
    if (this.#persisting) return;
    this.#persisting = true;
    try {
      await Promise.resolve(); // seals of one tick go together
      while (this.#sealed.length > 0) {
        const jobs = this.#sealed;
        const newest = jobs[jobs.length - 1] as SealJob;
        await this.#host.persist(newest);
        if (this.#sealed !== jobs) continue; // taken over by `persisted`
        this.#sealed = jobs.slice(jobs.indexOf(newest) + 1);
        for (const job of jobs.slice(0, jobs.indexOf(newest) + 1)) this.#enqueue(job);
        if (this.#outage.since !== undefined) this.#publishMac(newest);
        void this.#sign();
      }
    } catch (error) {
      this.#host.fail(error);
    } finally {
      this.#persisting = false;
    }
  }

  #enqueue(job: SealJob): void {
    const before = this.#unsigned.at(-1);
    if (before !== undefined && !before.kept && before.epoch === job.epoch) this.#unsigned.pop();
    this.#unsigned.push(job);
  }

  #publishMac(job: SealJob): void {
    const note = macNote(job);
    if (note !== undefined && job.epoch.signers.length > 0) this.#host.publish(job, note, false);
  }

  async #sign(): Promise<void> {
    if (this.#signing) return;
    this.#signing = true;
    try {
      for (let job = this.#unsigned.shift(); job !== undefined; job = this.#unsigned.shift()) {
        if (this.#abort.signal.aborted) return;
        await this.#attempt(job);
      }
    } catch (error) {
      this.#host.fail(error);
    } finally {
      this.#signing = false;
    }
  }

  async #attempt(job: SealJob): Promise<void> {
    const warn = (error: unknown): void => this.#host.warn(error);
    const { signal } = this.#abort;
    let note: string | undefined;
    try {
      note = await signNote(job, signal, warn);
    } catch (error) {
      if (signal.aborted) return;
      if (job.epoch === job.next.epoch || !isFinal(error)) {
        await this.#retryLater(job, error);
        return;
      }
      // the key period is over and its key signs no more: the hand-over goes without its word
      warn(error);
      note = await signWithoutOwnKeys(job, signal, warn);
      if (note !== undefined) this.#host.publish(job, note, true);
      return;
    }
    if (job.epoch.signers.length > 0 && this.#outage.worked()) this.#host.outageOver();
    this.#host.publish(job, note, true);
  }

  async #retryLater(job: SealJob, error: unknown): Promise<void> {
    const begins = this.#outage.failed();
    this.#host.outage(error, begins);
    if (begins) this.#publishMac(job);
    const next = this.#unsigned[0];
    if (next === undefined || job.kept || next.epoch !== job.epoch) this.#unsigned.unshift(job);
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(this.#outage.wait(error), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      if (this.#abort.signal.aborted) this.#wake();
    });
  }
}

/** Whether the key itself is the reason, so that waiting does not help. */
function isFinal(error: unknown): boolean {
  return isTamperError(error) && !error.retryable;
}
