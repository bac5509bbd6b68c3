import { TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { inTime } from '../../foundation/steps.ts';
import { Outage, type OutagePolicy } from '../epoch/outage.ts';
import type { LateSignatures } from './late-signatures.ts';
import { keyText, macNote, replacedKeys, signNote, signsWith, signWithoutOwnKeys } from './note-signing.ts';
import type { SealedStream, SealJob } from './seal-job.ts';

/** What a {@link Checkpointer} is made with. */
export interface CheckpointerOptions {
  readonly stream: SealedStream;
  readonly outages: OutagePolicy;
  readonly clock: Clock;
  /** Something that the log goes on without. */
  readonly warn: (error: unknown) => void;
  /** Something that the log cannot go on without. */
  readonly fail: (error: unknown) => void;
}

/**
 * M4.7: Brings seals to checkpoints, in the order of spec 4: durable, state, sign, check, append the line. The log does not
 * wait for it. While one signature is being made, later seals of the same key period replace each other: the newest
 * covers all. A key period that is over waits for its own key beside the one in force, and not before it.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #outage: Outage;
  /** Loaded when a key period ends without its signature, which is rare. */
  #late: LateSignatures | undefined;
  readonly #abort = new AbortController();
  /** Keys that are no more: their names stand for others. Of their key periods nothing is expected. */
  readonly #replaced = new Set<string>();
  #sealed: SealJob[] = [];
  #unsigned: SealJob[] = [];
  /** The size of the newest seal. */
  #newest = 0;
  #persisting = false;
  #signing = false;
  /** The largest size with a note that some of its signers signed. */
  #partlySigned = 0;
  /** Last checkpoints of key periods that are over. */
  readonly #ends = new Set<SealJob>();
  #wake: (() => void) | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#outage = new Outage(options.clock);
  }

  /** Whether a key period that is over waits for a signature that may yet come: until then not everything is covered. */
  get expectsLate(): boolean {
    return this.#late?.expected === true;
  }

  /** Whether a key period that is over has not signed its last checkpoint, which no later one of another key period replaces. */
  get owesSignature(): boolean {
    return this.#ends.size > 0 || this.expectsLate;
  }

  /** A seal was written (or waits in the batch). */
  submit(job: SealJob): void {
    this.#sealedAs(job);
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
    this.#sealedAs(job);
    this.#enqueue(job);
    void this.#sign();
  }

  #sealedAs(job: SealJob): void {
    this.#newest = job.size;
    if (endsEpoch(job)) this.#ends.add(job);
  }

  /** Ends what waits for a key service. */
  stop(): void {
    this.#abort.abort();
    this.#late?.wake();
    this.#wake?.();
  }

  /** Tries again at once where an attempt is being waited for. */
  retryNow(): void {
    this.#late?.wake();
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
        await this.#options.stream.persist(newest);
        if (this.#sealed !== jobs) continue; // taken over by `persisted`
        this.#sealed = jobs.slice(jobs.indexOf(newest) + 1);
        for (const job of jobs.slice(0, jobs.indexOf(newest) + 1)) this.#enqueue(job);
        if (this.#outage.since !== undefined) this.#publishMac(newest);
        void this.#sign();
      }
    } catch (error) {
      this.#options.fail(error);
    } finally {
      this.#persisting = false;
    }
  }

  #enqueue(job: SealJob): void {
    const before = this.#unsigned.at(-1);
    if (before !== undefined && !before.kept && before.epoch === job.epoch) this.#unsigned.pop();
    this.#unsigned.push(job);
    if (!endsEpoch(job)) return;
    for (const { signer } of job.coSigners) this.#replaced.delete(keyText(signer)); // one may come back from a backup
    const replaced = replacedKeys(job);
    if (replaced.length > 0) {
      for (const key of replaced) this.#replaced.add(key);
      this.#options.warn(keyReplaced(job));
      this.#late?.release(({ epoch }) => signsWith(epoch, this.#replaced));
    }
    this.#wake?.(); // what its key does not sign need not be waited for here
  }

  #publishMac(job: SealJob): void {
    const note = macNote(job);
    if (note !== undefined && job.epoch.signers.length > 0) this.#options.stream.publish(job, note, false);
  }

  /** M4.6: what the signers that are there have signed; the full note follows, which says the same again. */
  #publishPart(job: SealJob, note: string): void {
    if (this.#partlySigned >= job.size || this.#abort.signal.aborted) return;
    this.#partlySigned = job.size;
    this.#options.stream.publish(job, note, false);
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
      this.#options.fail(error);
    } finally {
      this.#signing = false;
    }
  }

  async #attempt(job: SealJob): Promise<void> {
    const { signal } = this.#abort;
    let note: string;
    try {
      if (signsWith(job.epoch, this.#replaced)) {
        if (this.#outage.worked()) this.#options.outages.worked(this); // of this key nothing is expected any more
        return await this.#signWithoutOwn(job);
      }
      note = await inTime(signNote(job, signal, this.#options.warn, (part) => this.#publishPart(job, part)));
    } catch (error) {
      if (signal.aborted) return;
      if (signsWith(job.epoch, this.#replaced))
        await this.#attempt(job); // replaced while it was asked
      else if (this.#isOver(job)) await this.#goOnWithout(job, error);
      else await this.#retryLater(job, error);
      return;
    }
    if (job.epoch.signers.length > 0 && this.#outage.worked()) this.#options.outages.worked(this);
    this.#ends.delete(job);
    this.#options.stream.publish(job, note, true);
  }

  /** Whether another key period is in force: then its own key's word may come later. */
  #isOver(job: SealJob): boolean {
    return endsEpoch(job) || this.#unsigned.some((later) => later.epoch === job.epoch && endsEpoch(later));
  }

  /** The key period is over and its key does not sign now: the one in force does not wait for it. */
  async #goOnWithout(job: SealJob, error: unknown): Promise<void> {
    const { signal } = this.#abort;
    const { LateSignatures } = await import('./late-signatures.ts');
    if (signal.aborted) return;
    if (!signsWith(job.epoch, this.#replaced)) {
      this.#late ??= new LateSignatures({ ...this.#options, signal });
      this.#late.add(job, error);
    }
    if (this.#outage.worked()) this.#options.outages.worked(this); // after the late ones have said how it stands with them
    await this.#signWithoutOwn(job);
  }

  /** What the next key period's keys and our MAC can say. */
  async #signWithoutOwn(job: SealJob): Promise<void> {
    const { signal } = this.#abort;
    this.#ends.delete(job); // of a key that is away somebody else expects it
    const note = await inTime(signWithoutOwnKeys(job, signal, () => undefined)); // its own first checkpoint fails as well, and tells
    if (signal.aborted) return;
    if (note !== undefined) this.#options.stream.publish(job, note, false);
    if (endsEpoch(job) && job.size === this.#newest) this.#options.stream.sealAnew();
  }

  async #retryLater(job: SealJob, error: unknown): Promise<void> {
    const { outages, clock } = this.#options;
    const begins = this.#outage.failed();
    outages.failed({ who: this, error, since: this.#outage.since ?? clock.now() });
    if (begins) this.#publishMac(job);
    const next = this.#unsigned[0];
    if (next === undefined || job.kept || next.epoch !== job.epoch) this.#unsigned.unshift(job);
    await new Promise<void>((resolve) => {
      const cancel = clock.after(this.#outage.wait(error), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      if (this.#abort.signal.aborted) this.#wake();
    });
  }
}

/** Whether it is the last checkpoint of its key period. */
function endsEpoch(job: SealJob): boolean {
  return job.epoch !== job.next.epoch;
}

function keyReplaced({ epoch, size }: SealJob): TamperError {
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `the key of key period ${epoch.kid} no longer exists: its name now stands for another key, and nothing after its last checkpoint, up to entry ${size}, carries its signature`,
    {
      hint: 'What it had signed stays covered. Find out who replaced the key, then give the auditor the new public key.',
    },
  );
}
