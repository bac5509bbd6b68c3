import type { ResolvedConfig } from '../../config/index.ts';
import { selectedEngine } from '../../engine/selected-engine.ts';
import { asError, systemCode, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { BATCH } from '../stream/entry-log.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import { GatheredLines } from './gathered-lines.ts';
import { IntakeQueue, type IntakeTarget, type QueueHost } from './intake-queue.ts';
import { LineIntake, type LongLine } from './line-intake.ts';
import type { Spool } from './spool.ts';
import { Turn } from './turn.ts';

/** The longest wait before a sink that took no more is tried again, in milliseconds. */
const LONGEST_WAIT = { busy: 20, full: 1_000 } as const;

/** How long a caller is held up at most for files that are changed one after the other, in milliseconds; the rest comes in later turns. */
const CHANGE_LIMIT = 1_000;
/** Where the thread may be ended at any moment: how long lines wait at most for changes of files, in milliseconds, if that is most of the time. */
const CHANGES_LIMIT = 2_000;
/** So much of it counts at most, in milliseconds: a key that was away for hours says nothing about the disk. */
const MOST_CHANGES = 10_000;
/** How long lines wait in memory for the first key, in milliseconds: as a rule it has come by then. */
const SPOOL_AFTER = 250;
/** How long a disk that took no lines that wait is left alone, in milliseconds. */
const SPOOL_AGAIN = 1_000;

/** What a {@link Pump} needs of its sealer. */
export interface PumpHost extends QueueHost {
  /** Whether nothing is to be written any more. */
  ended(): boolean;
  /** This file would become longer than `rotate_max_bytes`. */
  rotationDue(): void;
  unsealed(): void;
  fail(error: unknown): void;
  /** Whether the thread may be ended at any moment: better a file that is too long than lines that wait in memory. */
  readonly isEndedSoon: boolean | undefined;
}

/** Lines of earlier processes, which go into the log before any new one. */
export interface EarlierLines {
  /** @returns `done` where there are none left; `refused` where the disk is to be asked again later */
  drain(target: IntakeTarget, turn: Turn): 'done' | 'more' | 'refused';
}

/** Moves lines into the log and the log's batches to the sink; what either cannot take now waits. */
export class Pump {
  readonly queue: IntakeQueue;
  /** A long line of which a part is in the log. */
  readonly longLine: LongLine = { parts: 0 };
  readonly #gathered = new GatheredLines();
  readonly #gathers: boolean;
  /** Lines that were gathered are on their way into the log: what an event brings meanwhile comes behind them. */
  #sealing = false;
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #host: PumpHost;
  #run: StreamRun | undefined;
  #intake: LineIntake | undefined;
  #earlier: EarlierLines | undefined;
  #spool: Spool | undefined;
  /** From when on lines that wait for the first key go to the disk, in milliseconds. */
  #spoolFrom = 0;
  #spoolPlanned = false;
  #held = true;
  /** Whether the line that was begun last has not ended. */
  #lineGoesOn = false;
  #planned = false;
  /** The next line would make the file longer than `rotate_max_bytes`. */
  #isFileFull = false;
  /** Since when lines are on their way, when the present change of a file began, and how long such changes and the start took meanwhile. */
  #busySince: number = performance.now();
  #changeSince: number | undefined = this.#busySince;
  #changes = 0;
  #retries = 0;
  #warned = false;
  #cancelRetry: (() => void) | undefined;

  constructor(config: ResolvedConfig, clock: Clock, host: PumpHost) {
    this.#config = config;
    this.#clock = clock;
    this.#host = host;
    this.queue = new IntakeQueue(config, clock, host);
    // a line is sealed by itself where its producer is to see at once what becomes of it, or each is looked at on its way
    this.#gathers = config.flushEvery === 'turn' && config.onFailure !== 'throw' && config.onIntegrity === 'keep';
  }

  /** Whether lines must wait: before the first key, while the sink takes no more, behind others that wait. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether no line waits, of this process or of an earlier one. */
  get idle(): boolean {
    return this.#earlier === undefined && this.queue.isSettled && this.#gathered.isEmpty;
  }

  /** A place behind all that was taken until now. */
  mark(): number {
    this.sealGathered();
    return this.queue.mark;
  }

  /** Whether the log has taken all that came before a {@link Pump.mark}, and what earlier processes left. */
  isPast(mark: number): boolean {
    return this.#earlier === undefined && this.#gathered.isEmpty && this.queue.isPast(mark);
  }

  /** Resolves when the log has taken all that waits, of this process and of earlier ones. */
  async whenIdle(): Promise<void> {
    this.sealGathered();
    if (!this.idle) await this.queue.whenDrained();
  }

  /** From now on lines that wait for the first key go to the disk; undefined: no more do. */
  spoolTo(spool: Spool | undefined): void {
    this.#spool = spool;
    this.#spoolFrom = this.#clock.now() + (this.#config.flushEvery === 'line' || this.isSlow ? 0 : SPOOL_AFTER);
    this.#spoolSoon();
  }

  /** Whether what is under way may take longer than the thread has. */
  get isSlow(): boolean {
    return this.#host.isEndedSoon === true && this.#busy > CHANGES_LIMIT;
  }

  get #busy(): number {
    return performance.now() - this.#busySince;
  }

  /** From now on lines go to this run. */
  attach(run: StreamRun): void {
    const { maxLineBytes, onIntegrity } = this.#config;
    this.#run = run;
    this.#intake = new LineIntake(run.stream, {
      maxLineBytes,
      wrapIntegrity: onIntegrity === 'wrap',
      longLine: this.longLine,
      takesLines: () => run.takesLines && !this.#isFileFull,
      roomFor: (length) => this.longLine.parts > 0 || this.#hasRoom(run, length), // the parts of one line stay in one file
    });
  }

  /** Lines that go into the log before all that wait; undefined where there are none, or they are to wait for another start. */
  putFirst(lines: EarlierLines | undefined): void {
    this.#earlier = lines;
  }

  /**
   * Puts a chunk into the log, or keeps it for later.
   *
   * @returns whether the producer may go on
   * @throws what the sink throws. What was not taken is kept then, unless it is told to the producer (`on_failure: throw`)
   */
  take(chunk: string | Uint8Array, isObject: boolean): boolean {
    const { dropped } = this.queue;
    const goOn = this.#take(chunk, isObject);
    if (this.#config.flushEvery === 'turn' || this.queue.dropped > dropped) return goOn;
    this.#flushLine();
    return !this.queue.isHeldBack; // `drain` may have come by now
  }

  #take(chunk: string | Uint8Array, isObject: boolean): boolean {
    const intake = this.#intake;
    if (this.#held || intake === undefined || this.#lineGoesOn) return this.hold(chunk);
    if (typeof chunk === 'string' && this.#gather(chunk, isObject)) return true;
    const settle = this.#sealLaidAside();
    if (settle !== undefined) return this.#keepThen(chunk, settle);
    if (this.held || this.#sealing || this.#host.ended()) return this.hold(chunk);
    const given = typeof chunk === 'string' && isSeveral(chunk) ? Buffer.from(chunk, 'utf8') : chunk; // bytes are sealed as a batch
    let left = given;
    const run = this.#run;
    // of bytes the intake asks for each line
    if (run?.takesLines === true && (typeof given !== 'string' || this.#hasRoom(run, given.length))) {
      let whole: boolean;
      try {
        whole = intake.take(given, isObject);
      } catch (error) {
        if (this.#config.onFailure !== 'throw') this.hold(rest(given, intake.taken));
        throw error;
      }
      this.flushSoon();
      if (whole) {
        this.blocked();
        return true;
      }
      left = rest(given, intake.taken);
    }
    this.#held = true; // what is left waits for its turn, and what comes waits behind it
    this.flushSoon();
    const { dropped } = this.queue;
    const goOn = this.hold(left);
    this.blocked();
    if (!this.#isFileFull || this.queue.dropped > dropped) return goOn;
    this.#flushLine(performance.now() + CHANGE_LIMIT);
    return !this.queue.isHeldBack;
  }

  /**
   * Keeps a chunk, however much waits, and does then what may end the log, and with it the process: no line may be on its way
   * by then that nobody has.
   *
   * @returns whether the producer may go on
   */
  #keepThen(chunk: string | Uint8Array, settle: () => void): boolean {
    this.#held = true;
    this.flushSoon();
    this.queue.keep(chunk);
    settle();
    return !this.queue.isHeldBack;
  }

  /** Lays lines aside until the turn of the event loop ends, or enough have come. @returns false where they are to be taken now */
  #gather(chunk: string, isObject: boolean): boolean {
    if (isObject && selectedEngine().name === 'typescript') return false; // it costs less by itself there
    const run = this.#run;
    if (!this.#gathers || run?.takesLines !== true) return false;
    if (!this.#gathered.add(chunk, isObject)) return false;
    if (run.log.waiting + this.#gathered.bytes > BATCH) this.sealGathered();
    this.flushSoon();
    return true;
  }

  /** Puts the lines into the log that were laid aside; what it does not take waits. */
  sealGathered(): void {
    this.#sealLaidAside()?.();
  }

  /** As {@link Pump.sealGathered}. @returns what is to be done then, if something is: it may end the log */
  #sealLaidAside(): (() => void) | undefined {
    if (this.#gathered.isEmpty || this.#sealing) return undefined;
    const { areObjects } = this.#gathered;
    const lines = this.#gathered.takeAll();
    let failure: { readonly error: unknown } | undefined;
    const intake = this.#intake as LineIntake; // lines are gathered for one
    let at = 0;
    this.#sealing = true;
    try {
      for (let before = -1; at < lines.length && at > before; ) {
        before = at;
        try {
          intake.takeBytes(lines, at, lines.length, undefined, areObjects);
        } finally {
          at = intake.taken;
        }
      }
    } catch (error) {
      failure = { error };
    }
    this.#sealing = false;
    this.#waitFirst(lines.subarray(at)); // before anything can end the log, which keeps what waits
    if (failure !== undefined) return () => this.#host.fail(failure.error);
    if (this.#run?.obstacle !== undefined) return () => this.blocked();
    if (this.#isFileFull) return () => this.#flushLine(performance.now() + CHANGE_LIMIT);
    return undefined;
  }

  /** Nothing else waits where lines are gathered: what is left of them is the first that does. */
  #waitFirst(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#held = true;
    this.flushSoon();
    this.hold(lines);
  }

  /** Keeps a piece of a line whose end comes later, with the next chunk. @returns whether the producer may go on */
  takePiece(piece: Uint8Array): boolean {
    const settle = this.#sealLaidAside();
    this.#lineGoesOn = true;
    this.#held = true;
    this.flushSoon();
    this.queue.keep(piece, true);
    settle?.();
    return !this.queue.isHeldBack;
  }

  /** Keeps a chunk for later. @returns whether it was kept and the producer may go on */
  hold(chunk: string | Uint8Array): boolean {
    const continues = this.#lineGoesOn;
    this.#lineGoesOn = false;
    if (continues) {
      this.#held = true;
      this.flushSoon();
    }
    const goOn = this.queue.add(chunk, this.#run?.obstacle?.kind === 'full', continues);
    if (this.#spool === undefined) return goOn;
    if (this.#config.flushEvery === 'line') this.#spoolDue();
    else this.#spoolSoon();
    return goOn && !this.queue.isHeldBack;
  }

  /** Puts lines that wait for the first key on the disk, when it has been waited for and this turn of the event loop is over. */
  #spoolSoon(): void {
    if (this.#spoolPlanned || this.#spool === undefined || this.queue.bytes === 0) return;
    this.#spoolPlanned = true;
    this.#clock.after(this.#spoolFrom - this.#clock.now(), () => {
      this.#spoolPlanned = false;
      this.#spoolDue();
    });
  }

  /** Puts lines that wait for the first key on the disk, where it has them even if this process is ended at any moment. */
  spoolNow(): void {
    this.#spoolFrom = 0;
    this.#spoolDue();
  }

  #spoolDue(): void {
    if (this.#spool === undefined) return;
    if (this.#clock.now() < this.#spoolFrom) {
      this.#spoolSoon(); // a timer may fire a millisecond early
      return;
    }
    try {
      this.#spool.take(this.queue);
      this.#warned = false;
    } catch (error) {
      if (!this.#warned) this.#host.warn(asError(error)); // once for each time that the disk takes nothing
      this.#warned = true;
      this.#spoolFrom = this.#clock.now() + SPOOL_AGAIN;
      this.#spoolSoon();
    }
  }

  /** Writes when the present turn of the event loop is over: what is logged together is written together. */
  flushSoon(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      if (this.#host.ended()) return;
      try {
        this.flush();
      } catch (error) {
        this.#host.fail(error);
      }
    });
  }

  /** Moves what waits towards the disk, as much as belongs into one turn of the event loop; the rest comes in the next. */
  flush(): void {
    if (this.#flushOnce(new Turn()) === 'more') this.flushSoon();
  }

  /** Hands over what was taken (`flush_every: line`), unless it waits for a key or a sink: that is tried again later. */
  #flushLine(until?: number): void {
    if (this.#run?.takesLines !== true) return;
    try {
      this.flushAll(until);
    } catch (error) {
      this.#host.fail(error); // the line was taken, so it is kept
    }
  }

  /**
   * Moves all that waits towards the disk, for a caller that is to wait: until the sink takes no more.
   *
   * @param until - a time of `performance.now()`: what is left then comes in later turns of the event loop
   */
  flushAll(until: number = Number.POSITIVE_INFINITY): void {
    while (this.#flushOnce(new Turn()) === 'more') {
      if (performance.now() < until) continue;
      this.flushSoon();
      return;
    }
  }

  /** The sink takes no more: lines wait from now on, and it is tried again. */
  blocked(): void {
    const obstacle = this.#run?.obstacle;
    if (obstacle === undefined) return;
    this.#held = true;
    const { name } = this.#run?.log.sink ?? { name: 'the sink' };
    if (obstacle.kind === 'full' && this.#config.onWriteFailure === 'stop') {
      this.#host.fail(new TamperError('WRITE_FAILED', `${name} cannot take any more data`, { cause: obstacle.cause }));
      return;
    }
    if (this.#cancelRetry !== undefined) return;
    if (obstacle.kind === 'full' && !this.#warned) this.#host.warn(takesNothing(name, obstacle.cause));
    this.#warned = true;
    this.#retryIn(Math.min(LONGEST_WAIT[obstacle.kind], 2 ** this.#retries++));
  }

  /** Closes the file and begins the next one. */
  rotate(run: StreamRun): void {
    this.sealGathered();
    run.rotate();
    if (run.obstacle !== undefined) this.blocked();
    this.flushSoon();
  }

  /** The log has ended: what was laid aside is kept with what waits. */
  stop(): void {
    this.#spool = undefined; // lines that come later are kept elsewhere
    this.#cancelRetry?.();
    if (!this.#gathered.isEmpty) this.queue.add(this.#gathered.takeAll(), false);
  }

  /** @returns `more` where the next turn can go on at once */
  #flushOnce(turn: Turn): 'done' | 'more' | 'blocked' {
    this.sealGathered();
    const run = this.#run;
    const intake = this.#intake;
    if (run === undefined || intake === undefined || !this.#writeOut(run)) return 'blocked';
    if (run.ended) return 'done';
    this.#changeFullFile();
    if (this.#host.ended()) return 'done';
    if (!run.takesLines) return 'blocked';
    const now = performance.now();
    this.#changes = Math.min(this.#changes + now - (this.#changeSince ?? now), MOST_CHANGES);
    this.#changeSince = undefined;
    const drained = this.#drain({ run, intake }, turn);
    if (!this.#writeOut(run)) return 'blocked';
    if (run.stream.sinceSeal > 0) this.#host.unsealed();
    if (drained === 'refused') this.#retryIn(LONGEST_WAIT.full);
    if (drained !== 'done') return drained === 'more' ? 'more' : 'blocked';
    this.#held = false;
    this.#changes = 0;
    this.#busySince = performance.now();
    this.queue.drained();
    return 'done';
  }

  #drain(target: IntakeTarget, turn: Turn): 'done' | 'more' | 'refused' {
    const earlier = this.#earlier?.drain(target, turn) ?? 'done';
    if (earlier !== 'done') return earlier;
    this.#earlier = undefined;
    return this.queue.drain(target, turn) ? 'done' : 'more';
  }

  #retryIn(ms: number): void {
    this.#cancelRetry ??= this.#clock.after(ms, () => {
      this.#cancelRetry = undefined;
      this.flushSoon();
    });
  }

  /** Whether the file has room for a line of this length. One that is full is changed when no line is on its way into it. */
  #hasRoom(run: StreamRun, length: number): boolean {
    this.#isFileFull ||= run.stream.isFullFor(length);
    return !this.#isFileFull;
  }

  /** What fails here may end the log: every line that was taken must be in it, or wait, by then. */
  #changeFullFile(): void {
    if (!this.#isFileFull) return;
    this.#isFileFull = false;
    if (this.isSlow && this.#changes > this.#busy / 2) return; // it is asked for again
    this.#changeSince ??= performance.now();
    this.#host.rotationDue();
  }

  #writeOut(run: StreamRun): boolean {
    const { waiting } = run.log;
    const written = run.writeOut();
    if (written || run.log.waiting < waiting) this.#retries = 0;
    if (!written) {
      this.blocked();
      return false;
    }
    this.#warned = false;
    if (waiting > 0 && this.#config.fsyncOnWrite) run.log.sink.datasyncSync();
    return true;
  }
}

/** Whether text is more than one line. */
function isSeveral(text: string): boolean {
  const lf = text.indexOf('\n');
  return lf >= 0 && lf < text.length - 1;
}

/** What is left of a chunk of which the beginning was taken. */
function rest(chunk: string | Uint8Array, taken: number): string | Uint8Array {
  return typeof chunk === 'string' ? chunk.slice(taken) : chunk.subarray(taken);
}

function takesNothing(name: string, cause: unknown): TamperError {
  const code = systemCode(cause);
  return new TamperError('WRITE_FAILED', `${name} takes no data now${code === '' ? '' : ` (${code})`}; lines wait`, {
    cause,
    hint: 'It is tried again until it does. If the disk is full, free some space.',
  });
}
