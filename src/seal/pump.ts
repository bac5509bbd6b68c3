import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { Clock } from '../keys/clock.ts';
import { IntakeQueue } from './intake-queue.ts';
import { LineIntake } from './line-intake.ts';
import type { StreamRun } from './stream-run.ts';

/** The longest wait before a sink that took no more is tried again, in milliseconds. */
const LONGEST_WAIT = { busy: 20, full: 1_000 } as const;

/** What a {@link Pump} needs of its sealer. */
export interface PumpHost {
  /** Whether nothing is to be written any more. */
  ended(): boolean;
  drained(): void;
  unsealed(): void;
  warn(error: Error): void;
  fail(error: unknown): void;
}

/** Moves lines into the log and the log's batches to the sink; what either cannot take now waits. */
export class Pump {
  readonly queue: IntakeQueue;
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #host: PumpHost;
  #run: StreamRun | undefined;
  #intake: LineIntake | undefined;
  #held = true;
  #planned = false;
  #retries = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(config: ResolvedConfig, clock: Clock, host: PumpHost) {
    this.#config = config;
    this.#clock = clock;
    this.#host = host;
    this.queue = new IntakeQueue(config, clock, { drained: () => host.drained(), warn: (error) => host.warn(error) });
  }

  /** Whether lines must wait: before the first key, and while the sink takes no more. */
  get held(): boolean {
    return this.#held;
  }

  /** From now on lines go to this run. */
  attach(run: StreamRun): void {
    const { maxLineBytes, onIntegrity } = this.#config;
    this.#run = run;
    this.#intake = new LineIntake(run.stream, { maxLineBytes, wrapIntegrity: onIntegrity === 'wrap' });
  }

  /** Puts a chunk into the log. */
  take(chunk: string | Uint8Array, isObject: boolean): void {
    if (isObject) this.#intake?.takeObject(chunk as string);
    else this.#intake?.take(chunk);
    this.flushSoon();
    if (this.#run?.obstacle !== undefined) this.blocked();
  }

  /** Keeps a chunk for later. @returns whether the producer may go on */
  hold(chunk: string | Uint8Array, isObject: boolean): boolean {
    return this.queue.add(chunk, isObject, this.#run?.obstacle?.kind === 'full');
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

  /** Moves what waits towards the disk: out of the batch, then out of the queue. */
  flush(): void {
    const run = this.#run;
    const intake = this.#intake;
    if (run === undefined || intake === undefined || !this.#writeOut(run)) return;
    this.#held = false;
    this.#retries = 0;
    this.queue.drain({ run, intake });
    if (this.#writeOut(run) && run.stream.sinceSeal > 0) this.#host.unsealed();
  }

  /** The sink takes no more: lines wait from now on, and it is tried again. */
  blocked(): void {
    const obstacle = this.#run?.obstacle;
    if (obstacle === undefined) return;
    this.#held = true;
    if (obstacle.kind === 'full' && this.#config.onWriteFailure === 'stop') {
      const { name } = this.#run?.log.sink ?? { name: 'the sink' };
      this.#host.fail(new TamperError('WRITE_FAILED', `${name} takes no more`, { cause: obstacle.cause }));
      return;
    }
    if (this.#cancelRetry !== undefined) return;
    if (obstacle.kind === 'full' && this.#retries === 0) this.#host.warn(obstacle.cause);
    const wait = Math.min(LONGEST_WAIT[obstacle.kind], 2 ** this.#retries++);
    this.#cancelRetry = this.#clock.after(wait, () => {
      this.#cancelRetry = undefined;
      this.flushSoon();
    });
  }

  stop(): void {
    this.#cancelRetry?.();
  }

  #writeOut(run: StreamRun): boolean {
    const waits = run.log.waiting > 0;
    if (!run.writeOut()) {
      this.blocked();
      return false;
    }
    if (waits && this.#config.fsyncOnWrite) run.log.sink.datasyncSync();
    return true;
  }
}
