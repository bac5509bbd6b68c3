import type { ResolvedConfig } from '../../config/index.ts';
import { TamperError } from '../../errors.ts';
import type { GapEntry } from '../../format/control.ts';
import type { Clock } from '../../foundation/clock.ts';
import { countLines, PendingLines } from '../stream/pending-lines.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import type { LineIntake } from './line-intake.ts';
import type { Turn } from './turn.ts';

/** Where lines go once they may. */
export interface IntakeTarget {
  readonly run: StreamRun;
  readonly intake: LineIntake;
}

/** Lines that were given and are in no log: how many, since when (in milliseconds), why. */
export interface Loss {
  readonly count: number;
  readonly since: number;
  readonly why: GapEntry['why'];
}

/** What the queue tells. */
export interface QueueHost {
  drained(): void;
  warn(error: Error): void;
}

/**
 * The lines that cannot go into the log yet, because its key is on its way, its sink takes no more, or this turn of the
 * event loop has done its share. Up to `max_pending_bytes` wait; beyond that lines are lost, counted, and a `gap` says so.
 */
export class IntakeQueue {
  readonly #lines: PendingLines;
  readonly #dropWhileFull: boolean;
  readonly #clock: Clock;
  readonly #host: QueueHost;
  #since: number | undefined;
  #heldBack = false;
  #dropped = 0;
  #reported = 0;
  #lost: Loss | undefined;
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

  /** Whether no more may wait. */
  get isFull(): boolean {
    return this.#lines.isFull;
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether a producer was told to wait for {@link QueueHost.drained}. */
  get isHeldBack(): boolean {
    return this.#heldBack;
  }

  /** Whether so many who listen for {@link QueueHost.drained} wait for it. */
  isAwaited(listeners: number): boolean {
    return this.#heldBack && listeners > 0;
  }

  /** Whether nothing waits, and a gap counts all that was lost. */
  get isSettled(): boolean {
    return this.#lines.isEmpty && this.#lost === undefined;
  }

  /** A place behind all that waits now, for {@link IntakeQueue.isPast}. */
  get mark(): number {
    return this.#lines.added;
  }

  /** Whether nothing waits any more of what had come by then, and, where nothing waits at all, a gap counts what was lost. */
  isPast(mark: number): boolean {
    return this.isSettled || (this.#lines.gone >= mark && !this.#lines.isEmpty);
  }

  /** Since when lines wait, in milliseconds. */
  get since(): number | undefined {
    return this.#since;
  }

  /**
   * Keeps a chunk, or counts its lines as lost.
   *
   * @param diskFull - the sink has no room, so that `on_write_failure: drop` applies
   * @param continues - it begins with the end of a line whose beginning was taken
   * @returns whether the chunk was kept and the producer may go on
   */
  add(chunk: string | Uint8Array, diskFull: boolean, continues = false): boolean {
    const why = diskFull ? 'disk' : 'overflow';
    if (!this.#lines.isFull && !(diskFull && this.#dropWhileFull)) this.keep(chunk);
    else if (continues) this.#keepFirst(chunk, why);
    else this.#drop(chunk, why);
    this.#heldBack ||= this.#lines.isFull;
    return !this.#heldBack;
  }

  /**
   * Keeps a chunk, however much waits.
   *
   * @param goesOn - it is a piece of a line whose end comes later: were it lost, the rest would be taken for a line
   */
  keep(chunk: string | Uint8Array, goesOn = false): void {
    this.#since ??= this.#clock.now();
    if (goesOn) this.#lines.addPiece(chunk as Uint8Array);
    else this.#lines.add(chunk);
    this.#heldBack ||= this.#lines.isFull;
  }

  /**
   * Gives what waits to the log, as long as its sink takes it and the turn lasts.
   *
   * @returns whether nothing waits any more; a `gap` counts what was lost then
   */
  drain({ run, intake }: IntakeTarget, turn: Turn): boolean {
    for (let block = this.#lines.first; block !== undefined; block = this.#lines.first) {
      const before = block.from;
      try {
        if (block.goesOn) intake.takePiece(block.bytes, block.from, block.to, turn);
        else intake.takeBytes(block.bytes, block.from, block.to, turn);
      } finally {
        this.#lines.taken(intake.taken);
      }
      if (turn.isOver || intake.taken === before) break;
    }
    if (!this.#lines.isEmpty || !run.takesLines) return false;
    this.#since = undefined;
    const lost = this.takeLost();
    if (lost !== undefined) run.stream.gap(lost.why, lost.count, lost.since);
    return true;
  }

  /** Tells everybody who waits that nothing waits any more. */
  drained(): void {
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    this.#letGo();
  }

  /**
   * Hands whole lines to somebody else who keeps them, and lets a producer go on that was held back. A line whose end has not
   * come stays, and so does what was not said to be moved when `keep` threw.
   *
   * @param keep - tells `moved` how many of the bytes it has
   */
  moveWhole(keep: (lines: Buffer, moved: (bytes: number) => void) => void): void {
    try {
      for (let lines = this.#lines.firstWhole; lines !== undefined; lines = this.#lines.firstWhole)
        keep(lines, (bytes) => this.#lines.moved(bytes));
    } finally {
      if (!this.#lines.isFull) this.#letGo();
    }
  }

  /** Everything that waits, taken out. */
  takeAll(): Buffer[] {
    const all: Buffer[] = [];
    for (let block = this.#lines.first; block !== undefined; block = this.#lines.first) {
      const left = block.bytes.subarray(block.from, block.to);
      all.push(block.goesOn ? Buffer.from(left) : left);
      this.#lines.taken(block.to);
    }
    this.#since = undefined;
    return all;
  }

  /** What no `gap` counts yet, taken out: whoever takes it sees to it. */
  takeLost(): Loss | undefined {
    const lost = this.#lost;
    this.#lost = undefined;
    return lost;
  }

  /** Resolves when the log has taken all that waits: the next time that {@link IntakeQueue.drained} says so. */
  whenDrained(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** The log has ended: nobody waits for it any more, a producer that was held back neither. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    this.#letGo();
  }

  /**
   * Says what was lost, once.
   *
   * @param until - how many lines were lost when the caller asked; those after it are told to the next one
   * @throws {@link TamperError} `PENDING_OVERFLOW`
   */
  report(until: number): void {
    const lines = until - this.#reported;
    if (lines <= 0) return;
    this.#reported = until;
    throw new TamperError(
      'PENDING_OVERFLOW',
      `${lines === 1 ? '1 line was' : `${lines} lines were`} lost before this; a gap entry counts this`,
      {
        lines,
        hint: 'The others are in the log, or kept where the sealer says so. Pause when write() returns false, or raise max_pending_bytes.',
      },
    );
  }

  #letGo(): void {
    if (!this.#heldBack) return;
    this.#heldBack = false;
    this.#host.drained();
  }

  /** The end of a line whose beginning was taken; what comes behind it is lost. */
  #keepFirst(chunk: string | Uint8Array, why: GapEntry['why']): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    const end = bytes.indexOf(0x0a) + 1;
    if (end === 0 || end === bytes.length) {
      this.keep(bytes);
      return;
    }
    this.keep(bytes.subarray(0, end));
    this.#drop(bytes.subarray(end), why);
  }

  #drop(chunk: string | Uint8Array, why: GapEntry['why']): void {
    const count = countLines(chunk);
    this.#dropped += count;
    this.#heldBack = true; // whoever gave it is told
    if (this.#lost !== undefined) {
      this.#lost = { ...this.#lost, count: this.#lost.count + count };
      return;
    }
    this.#lost = { count, since: this.#clock.now(), why };
    this.#host.warn(
      new TamperError(
        'PENDING_OVERFLOW',
        `lines are being lost (${why}): ${this.#lines.bytes} bytes are already waiting`,
        {
          hint: 'Stop writing when write() returns false, until "drain"; or raise max_pending_bytes. A gap entry will count them.',
        },
      ),
    );
  }
}
