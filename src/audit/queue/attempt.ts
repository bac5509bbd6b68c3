import type { Job } from 'bullmq';
import { isError, isTamperError, TamperError } from '../../errors.ts';
import type { ResultKey } from './result-key.ts';
import { digestOfJob, RESULT_LIMIT, type StreamJob, type StreamJobResult } from './stream-job.ts';

/** One attempt at a job, and what a queue needs of the audit for it. Enqueueing, working and collecting know no more of it. */

/** What one attempt is given besides its job. */
export interface AttemptContext {
  /** Bytes read of so many, as often as one likes. */
  readonly onProgress: (read: number, total: number) => void;
}

/** What came of one attempt. */
export interface AttemptResult {
  /** The results, one JSON a line, each with its line end. */
  readonly text: string;
  /** Why another attempt may come to more, as a service that did not answer; absent where it would come to the same. */
  readonly again?: string;
}

/** The audit as a worker sees it. */
export interface QueuedAudit {
  /** The digest that a job for this stream must have: see {@link StreamJob.basis}. */
  basisOf(origin: string): string;
  /**
   * Audits one stream. It may be called for a job that was done before, and by two workers at once: what is remembered is
   * written on a condition, and a run's results are the same the second time.
   *
   * @throws {@link TamperError} whatever prevents it; the job is tried again
   */
  audit(job: StreamJob, context: AttemptContext): Promise<AttemptResult>;
}

/** What a worker tells of itself. */
export type WorkerEvent =
  | { readonly what: 'began'; readonly origin: string; readonly attempt: number }
  /** In bytes. */
  | { readonly what: 'progress'; readonly origin: string; readonly read: number; readonly total: number }
  | { readonly what: 'done'; readonly origin: string }
  /** The attempt came to nothing. */
  | { readonly what: 'failed'; readonly origin: string; readonly why: string }
  /** Another worker has the job, since this one did not answer for too long: what this one finds counts no more. */
  | { readonly what: 'lost'; readonly origin: string }
  /** A job whose worker does not answer any more waits for another one. */
  | { readonly what: 'taken over' }
  | { readonly what: 'trouble'; readonly why: string };

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
