import { isTamperError, TamperError, type TamperErrorCode } from '../../errors.ts';
import type { GapEntry } from '../../format/control.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { Loss } from '../intake/intake-queue.ts';
import type { Pump } from '../intake/pump.ts';
import { Spool } from '../intake/spool.ts';
import type { Kept, UnsealedLines } from '../intake/unsealed-lines.ts';
import type { Unwritten } from '../stream/entry-log.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import { onExit } from './exit-hook.ts';

/** What a {@link Keeping} tells. */
export interface KeepingHost {
  /** Lines were kept. */
  kept(kept: Kept): void;
  warn(error: unknown): void;
}

/** What happens to lines that were taken and cannot go into the log any more: kept for the next start, or counted for it. */
export class Keeping {
  readonly unsealed: UnsealedLines;
  /** Lines on disk that wait for the first key. */
  readonly spool: Spool;
  readonly #pump: Pump;
  readonly #clock: Clock;
  readonly #host: KeepingHost;
  #lines = 0;
  #takenBack = 0;
  #uncounted: Loss | undefined;
  #forgetExit: (() => void) | undefined;
  #isLettingGo = false;

  constructor(unsealed: UnsealedLines, pump: Pump, clock: Clock, host: KeepingHost) {
    this.unsealed = unsealed;
    this.spool = new Spool(unsealed, clock);
    this.#pump = pump;
    this.#clock = clock;
    this.#host = host;
  }

  /** Lines in files for the next start. */
  get lines(): number {
    return this.#lines;
  }

  /** Records that were sealed, and that the sink did not take before the end: their lines are kept, or counted. */
  get takenBack(): number {
    return this.#takenBack;
  }

  /** Lines that are lost and that nothing on disk counts. */
  get uncounted(): number {
    return this.#uncounted?.count ?? 0;
  }

  /**
   * The log has ended: keeps what waits, and what it still holds. It never throws: a
   * failure is a warning and a number.
   *
   * @param after - a seq; entries up to it are in a kept file already
   * @param opening - what the start of the stream waited for, where it was not over
   */
  end(
    run: StreamRun | undefined,
    after: number,
    failure: Error | undefined,
    opening: 'disk' | 'lock' | undefined,
  ): void {
    this.#keepSpool();
    this.#keep(run?.log.unwritten(after), reasonOf(run, failure, opening));
  }

  /** A file of lines is left for the next start. */
  left(kept: Kept): void {
    this.#lines += kept.lines;
    this.#host.kept(kept);
  }

  /** The end of the log lets producers go on that were held back, and keeps what these bring at once, as much as it is. */
  letGo(failure: Error): void {
    this.#isLettingGo = true;
    try {
      this.#pump.queue.fail(failure);
    } finally {
      this.#isLettingGo = false; // a listener of the application may throw
    }
    if (!this.#pump.queue.isSettled) this.keepLate();
  }

  /** Something is to be kept, or counted, that came after the end: when the process ends at the latest. */
  late(): void {
    if (this.#isLettingGo) {
      if (this.#pump.queue.isFull) this.keepLate();
      return;
    }
    this.#forgetExit ??= onExit(
      () => this.keepLate(true),
      (error) => this.#host.warn(error),
    );
  }

  /** Keeps what came after the end. */
  keepLate(last = false): void {
    this.#forgetExit?.();
    this.#forgetExit = undefined;
    this.#keep(undefined, 'transport', last);
  }

  /** @throws {@link TamperError} `WRITE_FAILED` where lines are lost and nothing on disk counts them */
  check(origin: string): void {
    const { uncounted } = this;
    if (uncounted === 0) return;
    throw new TamperError(
      'WRITE_FAILED',
      `${uncounted === 1 ? '1 line was' : `${uncounted} lines were`} lost (${origin}), and there was no room to record this`,
      {
        lines: uncounted,
        hint: 'Free some space for state_dir before the process ends: then the next start counts them in a gap entry.',
      },
    );
  }

  /** Where some lines are on disk already, the others go there too. */
  #keepSpool(): void {
    if (this.spool.lines === 0) {
      try {
        this.spool.discard();
      } catch (error) {
        this.#host.warn(error);
      }
      return;
    }
    try {
      this.spool.take(this.#pump.queue);
    } catch (error) {
      this.#host.warn(error); // they are kept, or counted, with the rest
    }
    const lost = this.#pump.queue.takeLost();
    try {
      const kept = this.spool.finish(lost);
      if (kept !== undefined) this.left(kept);
    } catch (error) {
      this.#uncounted = sum(this.#uncounted, lost);
      this.#host.warn(error);
      this.spool.leave();
    }
  }

  #keep(log: Unwritten | undefined, why: GapEntry['why'], last = false): void {
    const { queue, longLine } = this.#pump;
    const now = this.#clock.now();
    this.#takenBack += log?.records ?? 0;
    const { since } = queue;
    const inLog = log !== undefined && log.lost > 0 ? { count: log.lost, since: log.lostSince ?? now, why } : undefined;
    const lost = sum(sum(this.#uncounted, inLog), queue.takeLost());
    const parts = log !== undefined && log.bytes.length > 0 ? log.parts : longLine.parts;
    const bytes = [...(log?.bytes ?? []), ...queue.takeAll()];
    longLine.parts = 0;
    try {
      const kept = this.unsealed.keep({ bytes, parts, since, why, lost }, now);
      this.#uncounted = undefined;
      if (kept !== undefined) this.left(kept);
    } catch (error) {
      if (!isTamperError(error) || error.lines === undefined) throw error;
      this.#uncounted = { count: error.lines, since: lost?.since ?? since ?? now, why: lost?.why ?? 'disk' };
      if (!last) this.late(); // there may be room by then
      this.#host.warn(error);
    }
  }
}

/** Neither the disk nor the keys keep the log from going on. */
const ELSEWHERE: ReadonlySet<TamperErrorCode> = new Set([
  'LOCKED',
  'FOREIGN_WRITE',
  'STATE_CONFLICT',
  'STATE_MALFORMED',
]);

/** Why lines could not be sealed by the run that took them. */
function reasonOf(
  run: StreamRun | undefined,
  failure: Error | undefined,
  opening: 'disk' | 'lock' | undefined,
): GapEntry['why'] {
  if (isTamperError(failure) && ELSEWHERE.has(failure.code)) return 'transport';
  if (isTamperError(failure, 'KEY_SERVICE_STOP')) return 'key_service';
  if (run !== undefined) return 'disk';
  if (opening === undefined) return 'key_service';
  return opening === 'disk' ? 'disk' : 'transport';
}

function sum(one: Loss | undefined, other: Loss | undefined): Loss | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { count: one.count + other.count, since: Math.min(one.since, other.since), why: one.why };
}
