import { TamperError } from '../errors.ts';
import type { Failure } from './failure.ts';
import type { Pump } from './pump.ts';
import type { StreamRun } from './stream-run.ts';
import { waitSynchronously } from './wait-synchronously.ts';

/** How long the end waits for a signature, in milliseconds. Without it the next start adopts what is unsigned. */
const SIGNATURE_LIMIT = 3_000;
/** How long the end waits for the first key, and for a sink that takes no more, in milliseconds. */
export const END_LIMIT = 1_500;
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
  const isStuck = (): boolean => run.rotating || run.log.waiting > 0 || !pump.queue.isEmpty;
  pump.flush();
  run.reopen();
  for (let waited = 0; isStuck() && waited < END_LIMIT; waited += STEP) {
    await new Promise((resolve) => setTimeout(resolve, STEP));
    pump.flush();
  }
  if (isStuck()) {
    throw new TamperError('WRITE_FAILED', `${run.log.sink.name} takes no more; its last lines could not be written`, {
      cause: run.obstacle?.cause,
    });
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
  for (let waited = 0; waited < END_LIMIT; waited += STEP) {
    pump.flush();
    if (run.log.waiting === 0 && pump.queue.isEmpty) break;
    waitSynchronously(STEP);
  }
  run.closeNow('shutdown');
}

/** A warning for an end without its signature. */
export function unsignedAtEnd(origin: string): TamperError {
  return new TamperError('TIMEOUT', `no signature came for the end of ${origin}`, {
    hint: 'Nothing is lost: the next start signs it, marked as adopted (spec 6).',
  });
}
