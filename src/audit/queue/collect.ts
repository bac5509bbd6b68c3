import { setTimeout as wait } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import { isTamperError } from '../../errors.ts';
import { type RedisParty, redisError } from '../redis/redis-error.ts';
import { endOf } from './enqueue.ts';
import type { ResultKey } from './result-key.ts';
import type { RunFile } from './run-file.ts';
import { digestOfJob, jobIdOf, parseJobResult, type StreamJob } from './stream-job.ts';

/** What is known of one stream of a run. */
export type StreamOutcome =
  | { readonly state: 'done'; readonly origin: string; readonly text: string; readonly worker: string }
  /** It was tried as often as it may be. */
  | { readonly state: 'failed'; readonly origin: string; readonly why: string }
  | { readonly state: 'waiting'; readonly origin: string }
  | { readonly state: 'active'; readonly origin: string; readonly worker: string }
  /** The queue has no such job: Redis has lost it, it was never put there, or it was removed after its time. */
  | { readonly state: 'missing'; readonly origin: string };

/** How many streams of a run are in each state. */
export type RunCounts = Readonly<Record<StreamOutcome['state'], number>>;

/** Where results are, and of what. */
export interface Collected {
  readonly queue: Queue;
  readonly file: RunFile;
  /** As people write the address. */
  readonly redis: RedisParty;
  /** Results that were made without it do not count. Default: all of the run count. */
  readonly resultKey?: ResultKey | undefined;
}

/** So many jobs are asked for at once. */
const BATCH = 100;

/**
 * Every stream of a run, in the order of its file, with its result or why there is none. It changes nothing, so it may be called
 * as often as one likes.
 *
 * @returns what the last line of the run's file says
 * @throws {@link TamperError} `FORMAT_INVALID`, `READ_FAILED`: the file of the run; `UNAVAILABLE` and others of Redis
 */
export async function* outcomes({ queue, file, redis, resultKey }: Collected): AsyncGenerator<StreamOutcome, unknown> {
  const jobs = file.jobs();
  for (;;) {
    const batch: StreamJob[] = [];
    let rest: unknown;
    let ended = false;
    while (batch.length < BATCH && !ended) {
      const next = await jobs.next();
      if (next.done === true) {
        rest = next.value.rest;
        ended = true;
      } else batch.push(next.value);
    }
    let found: StreamOutcome[];
    try {
      found = await Promise.all(batch.map(async (job) => outcomeOf(job, await queue.getJob(jobIdOf(job)), resultKey)));
    } catch (error) {
      throw redisError(error, redis);
    }
    yield* found;
    if (ended) return rest;
  }
}

/** How far a run is. @throws {@link TamperError} as {@link outcomes} */
async function countsOf(collected: Collected): Promise<RunCounts> {
  const counts = { done: 0, failed: 0, waiting: 0, active: 0, missing: 0 };
  for await (const { state } of outcomes(collected)) counts[state] += 1;
  return counts;
}

async function outcomeOf(job: StreamJob, found: Job | undefined, key: ResultKey | undefined): Promise<StreamOutcome> {
  const { origin } = job;
  if (found === undefined) return { state: 'missing', origin };
  const end = endOf(found);
  if (end === 'failed') return { state: 'failed', origin, why: found.failedReason };
  if (end === undefined) {
    const active = (await found.getState()) === 'active';
    return active ? { state: 'active', origin, worker: found.processedBy ?? '' } : { state: 'waiting', origin };
  }
  const result = parseJobResult(found.returnvalue);
  if (result === undefined)
    return { state: 'failed', origin, why: 'the queue holds something that is not a result of a worker' };
  if (result.job !== digestOfJob(job)) {
    return { state: 'failed', origin, why: `the result of worker ${result.worker} is that of another job` };
  }
  if (key?.holds(result) === false) {
    return { state: 'failed', origin, why: 'the result is not of a worker that has the key of results' };
  }
  return { state: 'done', origin, text: result.text, worker: result.worker };
}

/** How one waits. */
export interface Waiting {
  /** Ends the waiting. */
  readonly stopped: Promise<void>;
  readonly timeoutMs?: number | undefined;
  /** Called at each look. */
  readonly onCounts: (counts: RunCounts) => void;
  /** Called where Redis is away: it is asked again. */
  readonly onTrouble: (why: string) => void;
}

/** Redis is asked at most so often, in milliseconds. */
const LEAST_PAUSE_MS = 500;
/** The pause is so many times as long as a look took, since a look at 100,000 jobs takes seconds. */
const PAUSE_PER_LOOK = 5;

/** Resolves once no stream of a run waits or is being audited. @throws {@link TamperError} as `countsOf`, but for a Redis that is away */
export async function waitForRun(
  collected: Collected,
  { stopped, timeoutMs, onCounts, onTrouble }: Waiting,
): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  void stopped.then(stop);
  const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs);
  try {
    while (!over.signal.aborted) {
      const began = Date.now();
      try {
        const counts = await countsOf(collected);
        onCounts(counts);
        if (counts.waiting + counts.active === 0) return;
      } catch (error) {
        if (!isTamperError(error, 'UNAVAILABLE')) throw error;
        onTrouble(error.message);
      }
      await pause(Math.max(LEAST_PAUSE_MS, (Date.now() - began) * PAUSE_PER_LOOK), over.signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
