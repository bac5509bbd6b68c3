import type { Job } from 'bullmq';
import { isError, isTamperError, TamperError } from '../../errors.ts';
import type { QueuedAudit } from './queued-audit.ts';
import type { ResultKey } from './result-key.ts';
import { digestOfJob, RESULT_LIMIT, type StreamJob, type StreamJobResult } from './stream-job.ts';
import type { WorkerEvent } from './worker-event.ts';

/** Progress is told at most so often, in milliseconds. */
const PROGRESS_EVERY_MS = 2000;

/** Who attempts, and how. */
export interface Attempter {
  readonly audit: QueuedAudit;
  /** Names the worker in results and failures. */
  readonly name: string;
  readonly onEvent: (event: WorkerEvent) => void;
  /** The key that is shared from enqueueing to collecting. Default: none, and anyone who writes to the Redis can make up jobs and results. */
  readonly resultKey?: ResultKey | undefined;
}

/**
 * One attempt at a job.
 *
 * @throws what is kept in the queue as the reason of a failure: code, message, and whose it is
 */
export async function attempt(
  queued: Job<unknown>,
  job: StreamJob,
  { audit, name, onEvent, resultKey }: Attempter,
): Promise<StreamJobResult> {
  let told = Date.now();
  let telling: Promise<void> = Promise.resolve();
  const onProgress = (read: number, total: number): void => {
    if (Date.now() - told < PROGRESS_EVERY_MS) return;
    told = Date.now();
    onEvent({ what: 'progress', origin: job.origin, read, total });
    telling = telling.then(async () => tell(queued, { read, total }, onEvent));
  };
  onEvent({ what: 'began', origin: job.origin, attempt: queued.attemptsMade + 1 });
  try {
    if (resultKey?.holdsJob(job) === false) throw notSigned(job);
    const { text, again } = await audit.audit(job, { onProgress });
    const isLast = queued.attemptsMade + 1 >= (queued.opts.attempts ?? 1);
    if (again !== undefined && !isLast) throw new TamperError('UNAVAILABLE', again, { retryable: true });
    if (text.length > RESULT_LIMIT) {
      throw new TamperError('FORMAT_LIMIT', `the result is longer than ${RESULT_LIMIT} characters`);
    }
    const result = { job: digestOfJob(job), worker: name, text };
    return resultKey === undefined ? result : { ...result, mac: resultKey.mac(result) };
  } catch (error) {
    throw reasonOf(error, name);
  } finally {
    await telling;
  }
}

function notSigned({ origin }: StreamJob): TamperError {
  return new TamperError('FORMAT_INVALID', `the job of ${origin} was not made with the key of --result-key`, {
    hint: 'Give audit enqueue the same --result-key. If it has it, somebody has changed the job in the queue.',
  });
}

/** What is kept of an error is its message: it has the code in it, and whose it is. */
export function reasonOf(error: unknown, worker: string): Error {
  const code = isTamperError(error) ? error.code : 'INTERNAL';
  return new Error(`${code}: ${isError(error) ? error.message : String(error)} (worker ${worker})`, { cause: error });
}

/** Progress is for people: the job goes on without it. */
async function tell(
  queued: Job<unknown>,
  progress: { readonly read: number; readonly total: number },
  onEvent: Attempter['onEvent'],
): Promise<void> {
  try {
    await queued.updateProgress(progress);
  } catch (error) {
    onEvent({ what: 'trouble', why: isError(error) ? error.message : String(error) });
  }
}
