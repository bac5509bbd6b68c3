import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { GapEntry } from '../format/control.ts';
import type { Clock } from '../keys/clock.ts';
import type { LineIntake } from './line-intake.ts';
import { countLines, PendingLines } from './pending-lines.ts';
import type { StreamRun } from './stream-run.ts';

/** Where lines go once they may. */
export interface IntakeTarget {
  readonly run: StreamRun;
  readonly intake: LineIntake;
}

/** What the queue tells. */
export interface QueueHost {
  drained(): void;
  warn(error: Error): void;
}

/**
 * The lines that cannot go into the log yet, because its key is on its way or its sink takes no more. Up to
 * `max_pending_bytes` wait; beyond that lines are lost, counted, and a `gap` says so.
 */
export class IntakeQueue {
  readonly #lines: PendingLines;
  readonly #dropWhileFull: boolean;
  readonly #clock: Clock;
  readonly #host: QueueHost;
  #heldBack = false;
  #dropped = 0;
  #lost: { count: number; readonly since: number; readonly why: GapEntry['why'] } | undefined;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(config: ResolvedConfig, clock: Clock, host: QueueHost) {
    this.#lines = new PendingLines(config.maxPendingBytes);
    this.#dropWhileFull = config.onWriteFailure === 'drop';
    this.#clock = clock;
    this.#host = host;
  }

  get bytes(): number {
    return this.#lines.bytes;
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  get isEmpty(): boolean {
    return this.#lines.isEmpty;
  }

  /**
   * Keeps a chunk, or counts its lines as lost.
   *
   * @param diskFull - the sink has no room, so that `on_write_failure: drop` applies
   * @returns whether the producer may go on
   */
  add(chunk: string | Uint8Array, isObject: boolean, diskFull: boolean): boolean {
    if (diskFull && this.#dropWhileFull) this.#drop(chunk, 'disk');
    else if (this.#lines.isFull) this.#drop(chunk, diskFull ? 'disk' : 'overflow');
    else this.#lines.add(chunk, isObject);
    this.#heldBack ||= this.#lines.isFull;
    return !this.#heldBack;
  }

  /** Gives what waits to the log, as long as its sink takes it. @returns whether nothing waits any more */
  drain({ run, intake }: IntakeTarget): boolean {
    const { stream } = run;
    this.#lines.drain(({ chunk, isObject }) => {
      if (isObject) intake.takeObject(chunk as string);
      else intake.take(chunk);
      return run.obstacle === undefined;
    });
    if (!this.#lines.isEmpty || run.rotating) return false;
    if (this.#lost !== undefined) stream.gap(this.#lost.why, this.#lost.count, this.#lost.since);
    this.#lost = undefined;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    if (this.#heldBack) {
      this.#heldBack = false;
      this.#host.drained();
    }
    return true;
  }

  /** Every chunk that waits, taken out. */
  takeAll(): (string | Buffer)[] {
    const chunks: (string | Buffer)[] = [];
    this.#lines.drain(({ chunk }) => chunks.push(chunk) > 0);
    return chunks;
  }

  /** Resolves when nothing waits any more. */
  whenEmpty(): Promise<void> {
    if (this.#lines.isEmpty) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Nothing will be taken any more. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  #drop(chunk: string | Uint8Array, why: GapEntry['why']): void {
    const count = countLines(chunk);
    this.#dropped += count;
    if (this.#lost !== undefined) {
      this.#lost.count += count;
      return;
    }
    this.#lost = { count, since: this.#clock.now(), why };
    this.#host.warn(
      new TamperError('PENDING_OVERFLOW', `lines are being lost (${why}): ${this.#lines.bytes} bytes wait already`, {
        hint: 'Stop writing when write() returns false, until "drain"; or raise max_pending_bytes. A gap entry will count them.',
      }),
    );
  }
}
