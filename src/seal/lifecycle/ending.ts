import { TamperError } from '../../errors.ts';
import type { Pump } from '../intake/pump.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import type { Failure } from './failure.ts';

/** How long the end waits for a signature, in milliseconds. Without it the next start adopts what is unsigned. */
const SIGNATURE_LIMIT = 3_000;
/** How long the end waits for the first key, and for a sink that takes no more, in milliseconds. */
export const END_LIMIT = 1_500;
/** How long the end holds up its thread at most, in milliseconds, for a sink that takes something now and then. */
const NOW_LIMIT = 5_000;
/** How often the end tries a key service again that is away, in milliseconds. */
const RETRY = 500;
/** How often the end looks whether the sink takes more, in milliseconds. */
const STEP = 20;
/** A look counts for so long at most, in milliseconds: while the thread was busy, nobody could have answered. */
const LONGEST_STEP = 2 * STEP;

/** How long a whole end may take (`close_timeout_seconds`). */
export class EndLimit {
  readonly #until: number;
  readonly #half: number;

  constructor(seconds: number) {
    this.#half = seconds * 500;
    this.#until = performance.now() + 2 * this.#half;
  }

  /** Milliseconds that are left; 0 if none is. */
  get left(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /** Whether there is time for what can also be left out. */
  get isGenerous(): boolean {
    return this.left > this.#half;
  }

  /** Whether `promise` resolves within `ms`, and within this limit. */
  within(promise: Promise<unknown>, ms: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    return within(promise, Math.min(ms, this.left));
  }

  /** As {@link EndLimit.within}. Of `ms` only the time counts in which the thread was free for what is waited for. */
  async withinFree(promise: Promise<unknown>, ms: number): Promise<boolean> {
    for (let left = ms; ; ) {
      const begun = performance.now();
      if (await this.within(promise, STEP)) return true; // asked once at least: whoever does not wait for it hears of its failure
      left -= Math.min(performance.now() - begun, LONGEST_STEP);
      if (left <= 0 || this.left === 0) return false;
    }
  }
}

/** Whether `promise` resolves within `ms`. The timer keeps the process alive: there is something to wait for. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is closed, and how long that may take. */
export interface CloseOptions {
  /** The run that lines go to; with `rotate_chain` it may become another one meanwhile. */
  readonly run: () => StreamRun;
  readonly retiring: Iterable<StreamRun>;
  readonly pump: Pump;
  /** What was taken up to it belongs into the log. Lines that come later do not hold up the end. */
  readonly mark: number;
  readonly failure: Failure;
  readonly limit: EndLimit;
}

/**
 * Writes what is pending and `close`, and waits for the last checkpoints: of this run, and of those that it continues.
 *
 * @returns whether they came in time
 * @throws {@link TamperError} `WRITE_FAILED` where the sink takes no more; what ended the log meanwhile
 */
export async function closeRun({ run, retiring, pump, mark, failure, limit }: CloseOptions): Promise<boolean> {
  const isStuck = (): boolean => !run().isOpen || run().log.waiting > 0 || !pump.isPast(mark);
  let patience = new Patience(run, limit.left);
  pump.flush();
  run().reopen();
  while (isStuck()) {
    if (!limit.isGenerous) run().endWithLines(); // better a file that is too long than lines that are not sealed
    if (!patience.lasts()) {
      if (!run().isFull || limit.left === 0) break;
      run().endWithLines();
      patience = new Patience(run, limit.left);
    }
    await new Promise((resolve) => setTimeout(resolve, STEP));
    if (failure.error !== undefined) throw failure.error;
    pump.flush();
  }
  const last = run();
  if (isStuck()) {
    throw new TamperError(
      'WRITE_FAILED',
      `${last.log.sink.name} did not take all lines in time; the last ones could not be written`,
      {
        cause: last.obstacle?.cause,
        hint: 'The remaining lines are kept in state_dir, or counted there, and the next start seals them.',
      },
    );
  }
  last.close();
  pump.flushSoon();
  const runs = [...retiring, last];
  const retry = setInterval(() => {
    for (const one of runs) one.checkpointer.retryNow();
  }, RETRY);
  const covered = runs.map((one) => one.whenCovered(one.log.frontier.size));
  try {
    return await limit.withinFree(failure.orFailed(Promise.all(covered)), SIGNATURE_LIMIT);
  } finally {
    clearInterval(retry);
    last.writeOut();
  }
}

/** Everything that can be done without waiting for anybody else: write, seal, close. */
export function closeRunNow(run: StreamRun, pump: Pump): void {
  const patience = new Patience(() => run, NOW_LIMIT);
  const until = performance.now() + NOW_LIMIT;
  run.endWithLines();
  for (;;) {
    pump.flushAll(until);
    if ((run.log.waiting === 0 && pump.idle) || !patience.lasts()) break;
    waitSynchronously(STEP);
  }
  run.closeNow();
}

/**
 * How long the end waits for a sink: as long as that takes something every now and then, and not beyond a limit. What comes
 * in meanwhile is no progress.
 */
class Patience {
  readonly #run: () => StreamRun;
  readonly #until: number;
  #seen = '';
  #looked: number = performance.now();
  #left = END_LIMIT;

  constructor(run: () => StreamRun, limit: number) {
    this.#run = run;
    this.#until = this.#looked + limit;
  }

  lasts(): boolean {
    const { sink, frontier } = this.#run().log;
    const now = performance.now();
    const taken = `${sink.name} ${sink.size} ${frontier.size}`;
    this.#left = taken === this.#seen ? this.#left - Math.min(now - this.#looked, LONGEST_STEP) : END_LIMIT;
    this.#seen = taken;
    this.#looked = now;
    return this.#left > 0 && now < this.#until;
  }
}

/** A warning for an end without its signature. */
export function unsignedAtEnd({ site, isUnsaved }: StreamRun): TamperError {
  return new TamperError('TIMEOUT', `no signature came in time for the end of ${site.origin}`, {
    hint: isUnsaved
      ? 'The state could not be saved, so the next start continues before these entries. They stay in the output, and verify reports them as abandoned (spec M8.26).'
      : 'Nothing is lost: the next start signs it, marked as adopted (spec 6).',
  });
}

/** Seals what is unsealed, and waits until a checkpoint covers all that the log holds. */
export async function cover(run: StreamRun, pump: Pump): Promise<void> {
  if (run.stream.unsealed && run.isOpen) run.seal();
  pump.flushSoon();
  run.checkpointer.retryNow();
  await run.whenCovered(run.log.frontier.size);
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. Only for the end of the process, where nothing else is to run. */
function waitSynchronously(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}
