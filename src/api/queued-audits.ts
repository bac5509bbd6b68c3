import { resolve } from 'node:path';
import type { StreamResult } from '../audit/check/stream-result.ts';
import { AuditJobs as Jobs } from '../audit/jobs/audit-jobs.ts';
import { summarise } from '../audit/jobs/run-summary.ts';
import { type Collected, outcomes, type RunCounts, waitForRun } from '../audit/queue/collect.ts';
import { type Enqueued, type EnqueueOptions, enqueue } from '../audit/queue/enqueue.ts';
import { openQueue } from '../audit/queue/open-queue.ts';
import { ResultKey } from '../audit/queue/result-key.ts';
import { makeRunFile, RunFile, type RunHeader } from '../audit/queue/run-file.ts';
import { DEFAULT_QUEUE } from '../audit/queue/stream-job.ts';
import { type Worked, type WorkOptions, work } from '../audit/queue/work.ts';
import { type RedisAddressOptions, redisAddress } from '../audit/redis/redis-address.ts';
import { connectRedis } from '../audit/redis/redis-connection.ts';
import type { AuditSummary } from '../audit/run/summary.ts';
import { TamperError } from '../errors.ts';
import { readKeyFile } from '../providers/internal/key-file.ts';
import { isLocation } from '../storage/location.ts';
import { openAudit, type StreamsToAudit } from './audit-streams.ts';

/** An audit on any number of machines, by way of a queue on Redis or Valkey. */

/** What is audited, and how: the same for {@link enqueueAudit} and {@link workOnAudits}. */
export type QueuedStreams = Omit<StreamsToAudit, 'shard' | 'now' | 'atOnce'>;

/** A queue. */
export interface QueueOptions {
  readonly redis: RedisAddressOptions;
  /** Default: `default`. */
  readonly queue?: string | undefined;
}

/** What {@link enqueueAudit} needs. */
export interface EnqueueAuditOptions extends QueueOptions, Omit<EnqueueOptions, 'resultKey'> {
  /** The file of the run: made, or gone on with where it is there. */
  readonly run: string;
  /** A file with the key that is shared with workers and with who collects. */
  readonly resultKeyPath?: string | undefined;
}

/** A run whose jobs are in the queue. */
export interface EnqueuedAudit extends Enqueued, RunHeader {
  /** Whether the file of the run was there already. */
  readonly again: boolean;
}

/** What {@link workOnAudits} needs. */
export interface WorkOnAuditsOptions
  extends QueueOptions,
    Pick<WorkOptions, 'name' | 'concurrency' | 'lockSeconds' | 'untilDone' | 'stopped' | 'onEvent'> {
  /** A file with the key that is shared from enqueueing to collecting. */
  readonly resultKeyPath?: string | undefined;
}

/** What {@link collectAudit} needs. */
export interface CollectAuditOptions extends Omit<QueueOptions, 'queue'> {
  /** The file of the run. */
  readonly run: string;
  readonly resultKeyPath?: string | undefined;
  /** Waits until every stream has a result, or nothing comes any more. Default: gives what is there. */
  readonly wait?: {
    /** Ends the waiting; what is there by then is given. */
    readonly stopped: Promise<void>;
    readonly timeoutMs?: number | undefined;
    readonly onCounts: (counts: RunCounts) => void;
    readonly onTrouble: (why: string) => void;
  };
}

/**
 * Lists the places and puts a job for each stream into the queue. Where the file of the run is there, its jobs are put there that
 * are not, and nothing is listed.
 *
 * @throws {@link TamperError} as `auditStreams`; `USAGE`, `POLICY_INVALID`: the file is of another audit; `FORMAT_INVALID`; what a
 *   Redis cannot do: `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `ACCESS_DENIED`, `TLS_FAILED`, `INSECURE_ENDPOINT`,
 *   `DEPENDENCY_MISSING`
 */
export async function enqueueAudit(given: QueuedStreams, options: EnqueueAuditOptions): Promise<EnqueuedAudit> {
  const address = await redisAddress(options.redis);
  const resultKey = await resultKeyOf(options.resultKeyPath);
  const redis = await connectRedis(address, { patient: false });
  try {
    return await withJobs(given, async (jobs) => {
      const before = await RunFile.open(options.run);
      if (before === undefined) await makeRunFile(options.run, options.queue ?? DEFAULT_QUEUE, await jobs.list());
      const file = before ?? (await existing(options.run));
      await refuseOther(file, options.queue, jobs);
      const queue = await openQueue(redis, file.header.queue);
      try {
        const put = await enqueue(queue, file, address, { ...options, resultKey });
        return { ...put, ...file.header, again: before !== undefined };
      } finally {
        await queue.close();
      }
    });
  } finally {
    redis.disconnect();
  }
}

/** Audits streams of a queue until it is stopped. @throws {@link TamperError} as `work`, {@link enqueueAudit} */
export async function workOnAudits(given: QueuedStreams, options: WorkOnAuditsOptions): Promise<Worked> {
  const address = await redisAddress(options.redis);
  const resultKey = await resultKeyOf(options.resultKeyPath);
  const { onEvent } = options;
  const over = new AbortController();
  const onChange = (state: 'lost' | 'back'): void => {
    if (over.signal.aborted) return; // we have hung up
    onEvent({ what: 'trouble', why: state === 'lost' ? `${address.name} is away` : `${address.name} is back` });
  };
  const redis = await connectRedis(address, { patient: true, onChange });
  try {
    return await withJobs(given, async (audit) => {
      const queue = options.queue ?? DEFAULT_QUEUE;
      return work({ ...options, audit, redis, party: address, queue, resultKey });
    });
  } finally {
    over.abort();
    redis.disconnect();
  }
}

/**
 * Gives the results of all streams of a run, as one process would; of a stream without one it says why. It changes nothing.
 *
 * @throws {@link TamperError} `NOT_FOUND`: there is no such file of a run; `FORMAT_INVALID`; of a Redis as {@link enqueueAudit}
 */
export async function collectAudit(
  { redis: redisOptions, run, resultKeyPath, wait }: CollectAuditOptions,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  const file = await existing(run);
  const resultKey = await resultKeyOf(resultKeyPath);
  const address = await redisAddress(redisOptions);
  const redis = await connectRedis(address, { patient: false });
  try {
    const queue = await openQueue(redis, file.header.queue);
    try {
      const collected: Collected = { queue, file, redis: address, resultKey };
      if (wait !== undefined) await waitForRun(collected, wait);
      return await summarise(outcomes(collected), onResult);
    } finally {
      await queue.close();
    }
  } finally {
    redis.disconnect();
  }
}

async function withJobs<T>(given: QueuedStreams, act: (jobs: Jobs) => Promise<T>): Promise<T> {
  // machines may be in different directories
  const absolute = { ...given, places: given.places.map((place) => (isLocation(place) ? place : resolve(place))) };
  const { places, memory, close } = await openAudit(absolute);
  try {
    return await act(new Jobs({ ...absolute, places, memory, now: () => new Date() }));
  } finally {
    close();
  }
}

async function existing(path: string): Promise<RunFile> {
  const file = await RunFile.open(path);
  if (file !== undefined) return file;
  throw new TamperError('NOT_FOUND', `there is no file ${path}`, {
    hint: 'Name the file that audit enqueue --run has made.',
  });
}

/** What was made for another policy would be refused by every worker. */
async function refuseOther(file: RunFile, queue: string | undefined, jobs: Jobs): Promise<void> {
  if (queue !== undefined && queue !== file.header.queue) {
    throw new TamperError('USAGE', `${file.path} is a run of the queue ${file.header.queue}, not ${queue}`);
  }
  for await (const { origin, basis } of file.jobs()) {
    if (jobs.basisOf(origin) === basis) continue;
    throw new TamperError(
      'POLICY_INVALID',
      `${file.path} is a run with other places, keys, options or another policy`,
      {
        hint: 'Name a new file for a new run.',
      },
    );
  }
}

async function resultKeyOf(path: string | undefined): Promise<ResultKey | undefined> {
  return path === undefined ? undefined : new ResultKey(await readKeyFile(path, 4096));
}
