import { TamperError } from '../../errors.ts';
import type { Pump } from '../intake/pump.ts';
import type { StreamRun } from '../stream/stream-run.ts';
import type { Failure } from './failure.ts';
import { waitSynchronously } from './wait-synchronously.ts';

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

/**
 * Writes what is pending and `close`, and waits for the last checkpoints: of this run, and of those that it continues.
 *
 * @returns whether they came in time
 * @throws {@link TamperError} `WRITE_FAILED` where the sink takes no more; what ended the log meanwhile
 */
export async function closeRun(
  run: StreamRun,
  retiring: Iterable<StreamRun>,
  pump: Pump,
  failure: Failure,
): Promise<boolean> {
  const isStuck = (): boolean => run.rotating || run.log.waiting > 0 || !pump.idle;
  const patience = new Patience(run, pump);
  pump.flush();
  run.reopen();
  while (isStuck() && patience.lasts()) {
    await new Promise((resolve) => setTimeout(resolve, STEP));
    if (failure.error !== undefined) throw failure.error;
    pump.flush();
  }
  if (isStuck()) {
    throw new TamperError(
      'WRITE_FAILED',
      `${run.log.sink.name} cannot take any more data; the last lines could not be written`,
      {
        cause: run.obstacle?.cause,
        hint: 'The remaining lines are kept in state_dir, and the next start seals them.',
      },
    );
  }
  run.close();
  pump.flushSoon();
  const runs = [...retiring, run];
  const retry = setInterval(() => {
    for (const one of runs) one.checkpointer.retryNow();
  }, RETRY);
  const covered = runs.map((one) => one.whenCovered(one.log.frontier.size));
  try {
    return await within(failure.orFailed(Promise.all(covered)), SIGNATURE_LIMIT);
  } finally {
    clearInterval(retry);
    run.writeOut();
  }
}

/** Everything that can be done without waiting for anybody else: write, seal, close. */
export function closeRunNow(run: StreamRun, pump: Pump): void {
  const patience = new Patience(run, pump, NOW_LIMIT);
  for (;;) {
    pump.flushAll();
    if ((run.log.waiting === 0 && pump.idle) || !patience.lasts()) break;
    waitSynchronously(STEP);
  }
  run.closeNow('shutdown');
}

/** How long the end waits for a sink: as long as that takes something every now and then. */
class Patience {
  readonly #run: StreamRun;
  readonly #pump: Pump;
  #seen = -1;
  #since: number = performance.now();
  readonly #until: number;

  constructor(run: StreamRun, pump: Pump, limit: number = Number.POSITIVE_INFINITY) {
    this.#run = run;
    this.#pump = pump;
    this.#until = this.#since + limit;
  }

  lasts(): boolean {
    const { log } = this.#run;
    const state = log.sink.size + log.frontier.size - this.#pump.queue.bytes;
    if (state !== this.#seen) {
      this.#seen = state;
      this.#since = performance.now();
    }
    const now = performance.now();
    return now - this.#since < END_LIMIT && now < this.#until;
  }
}

/** A warning for an end without its signature. */
export function unsignedAtEnd(origin: string): TamperError {
  return new TamperError('TIMEOUT', `no signature came in time for the end of ${origin}`, {
    hint: 'Nothing is lost: the next start signs it, marked as adopted (spec 6).',
  });
}

/** Seals what is unsealed, and waits until a checkpoint covers all that the log holds. */
export async function cover(run: StreamRun, pump: Pump): Promise<void> {
  if (run.stream.unsealed && run.takesLines) run.seal();
  pump.flushSoon();
  run.checkpointer.retryNow();
  await run.whenCovered(run.log.frontier.size);
}
