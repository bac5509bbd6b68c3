import type { Job, Queue } from 'bullmq';
import { type RedisParty, redisError } from '../redis/redis-error.ts';
import type { ResultKey } from './result-key.ts';
import type { RunFile } from './run-file.ts';
import { jobIdOf, type StreamJob } from './stream-job.ts';

/** How jobs are kept and tried. */
export interface EnqueueOptions {
  /** A job is tried so often before it counts as failed. Default: 5. */
  readonly attempts?: number | undefined;
  /** Results are kept for so long after a job is done, in seconds. Default: 3 days. */
  readonly keepSeconds?: number | undefined;
  /** The key that is shared with workers, which refuse a job without it. Default: none. */
  readonly resultKey?: ResultKey | undefined;
}

/** What was put into the queue. */
export interface Enqueued {
  /** Jobs that were not there yet. */
  readonly added: number;
  /** Jobs that had failed and are tried once more. */
  readonly retried: number;
  /** Jobs that were there already: waiting, being done, or done. */
  readonly present: number;
}

const DEFAULT_ATTEMPTS = 5;
const DEFAULT_KEEP_SECONDS = 3 * 24 * 60 * 60;
/** The pause before a second attempt, in milliseconds; it doubles with each further one. */
const FIRST_PAUSE_MS = 2000;
/** So many jobs go to Redis at once. */
const BATCH = 200;

/**
 * Puts the jobs of a run into the queue: those that are not there. So it may be called again for the same run, after it was
 * interrupted or Redis has lost what it had.
 *
 * @throws {@link TamperError} `FORMAT_INVALID`, `READ_FAILED`: the file of the run; `UNAVAILABLE` and others of Redis
 */
export async function enqueue(
  queue: Queue,
  file: RunFile,
  redis: RedisParty,
  options: EnqueueOptions,
): Promise<Enqueued> {
  const total = { added: 0, retried: 0, present: 0 };
  const put = async (jobs: readonly StreamJob[]): Promise<void> => {
    try {
      const present = await Promise.all(jobs.map(async (job) => queue.getJob(jobIdOf(job))));
      const failed = present.filter((job) => job !== undefined && endOf(job) === 'failed');
      const missing = jobs.filter((_, at) => present[at] === undefined);
      for (const job of failed) await job?.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
      if (missing.length > 0) await queue.addBulk(missing.map((job) => withOptions(job, options)));
      total.added += missing.length;
      total.retried += failed.length;
      total.present += jobs.length - missing.length - failed.length;
    } catch (error) {
      throw redisError(error, redis);
    }
  };
  let batch: StreamJob[] = [];
  for await (const job of file.jobs()) {
    batch.push(job);
    if (batch.length < BATCH) continue;
    await put(batch);
    batch = [];
  }
  await put(batch);
  return total;
}

/** How a job ended; undefined: it waits, perhaps for another attempt, or is being done. */
export function endOf(job: Pick<Job, 'finishedOn' | 'returnvalue'>): 'done' | 'failed' | undefined {
  if (typeof job.finishedOn !== 'number') return undefined;
  return typeof job.returnvalue === 'object' && job.returnvalue !== null ? 'done' : 'failed'; // a worker gives an object
}

function withOptions(
  job: StreamJob,
  { attempts = DEFAULT_ATTEMPTS, keepSeconds = DEFAULT_KEEP_SECONDS, resultKey }: EnqueueOptions,
): Parameters<Queue['addBulk']>[0][number] {
  return {
    name: 'stream',
    data: resultKey?.signJob(job) ?? job,
    opts: {
      jobId: jobIdOf(job),
      attempts,
      backoff: { type: 'exponential', delay: FIRST_PAUSE_MS },
      removeOnComplete: { age: keepSeconds },
      removeOnFail: { age: keepSeconds },
      stackTraceLimit: 0,
    },
  };
}
