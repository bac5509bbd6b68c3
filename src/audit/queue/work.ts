import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { systemCode, TamperError } from '../../errors.ts';
import { type RedisParty, redisError } from '../redis/redis-error.ts';
import { type Attempter, attempt, reasonOf } from './attempt.ts';
import { KEY_PREFIX, loadBullmq, openQueue } from './open-queue.ts';
import { parseJob, queueNameOf, type StreamJob, type StreamJobResult } from './stream-job.ts';

/** How a worker works. */
export interface WorkOptions extends Attempter {
  readonly redis: Redis;
  /** As people write the address. */
  readonly party: RedisParty;
  readonly queue: string;
  /** Jobs at once. Default: 1. */
  readonly concurrency?: number | undefined;
  /** A worker that does not answer for so long loses its jobs, in seconds. Default: 60. */
  readonly lockSeconds?: number | undefined;
  /** Whether it ends once the queue has nothing left to do. */
  readonly untilDone?: boolean | undefined;
  /** Ends it: jobs that it has begun are finished first. */
  readonly stopped: Promise<void>;
}

/** What a worker has done. */
export interface Worked {
  readonly done: number;
  readonly failed: number;
  readonly lost: number;
}

/** Hashing may keep a busy host from answering for some seconds, never for a minute. */
const DEFAULT_LOCK_SECONDS = 60;
/**
 * A job whose worker vanished so often is given up: one that ends every process that tries it must not go round for ever, while
 * hosts that are replaced during a long job, or a Redis that restarts, are no fault of the job's.
 */
const MAX_STALLED = 3;
const LOOK_EVERY_MS = 500;
/** How BullMQ says that a job is somebody else's by now, and which. */
const NOT_OURS = [
  /^(?:Missing lock|Missing key|Lock mismatch) for job (\S+)\. /,
  /^could not renew lock for job (\S+)$/,
  /^Job (\S+) is not in the active state/,
];

/**
 * Does jobs of a queue until it is stopped.
 *
 * @throws {@link TamperError} `POLICY_INVALID`: a job was made with another policy or other options; `USAGE`: the first job was
 * made with another key; `DEPENDENCY_MISSING`; what Redis says while the worker looks whether anything is left
 */
export async function work(options: WorkOptions): Promise<Worked> {
  const { queue, name, lockSeconds = DEFAULT_LOCK_SECONDS, onEvent } = options;
  const { Worker: Made } = await loadBullmq();
  const counts = { done: 0, failed: 0, lost: 0 };
  /** Of jobs that were begun, until it is known how they ended. */
  const origins = new Map<string, string>();
  const refusal = new AbortController();
  /** Some job was made with our key: another one that was not is a forgery, and not our mistake. */
  let isKeyRight = false;

  async function process(queued: Job<unknown>): Promise<StreamJobResult> {
    const id = queued.id ?? '';
    const job = parseJob(queued.data, `job ${id}`);
    isKeyRight ||= options.resultKey?.holdsJob(job) ?? true;
    const refused =
      options.audit.basisOf(job.origin) !== job.basis ? otherPolicy(job) : isKeyRight ? undefined : otherKey(job);
    if (refused !== undefined) {
      refusal.abort(refused);
      throw reasonOf(refused, name);
    }
    origins.set(id, job.origin);
    return attempt(queued, job, options);
  }

  const worker = new Made<unknown, StreamJobResult>(queueNameOf(queue), process, {
    connection: options.redis,
    prefix: KEY_PREFIX,
    name,
    concurrency: options.concurrency ?? 1,
    lockDuration: lockSeconds * 1000,
    stalledInterval: lockSeconds * 500,
    maxStalledCount: MAX_STALLED,
    autorun: false,
  });
  const ended = ({ id = '' }: Pick<Job, 'id'>): string => {
    const origin = origins.get(id) ?? '';
    origins.delete(id);
    return origin;
  };
  const lose = (id: string): void => {
    if (!origins.has(id)) return; // that is told already
    counts.lost += 1;
    onEvent({ what: 'lost', origin: ended({ id }) });
  };
  worker.on('completed', (job) => {
    counts.done += 1;
    onEvent({ what: 'done', origin: ended(job) });
  });
  worker.on('failed', (job, { message: why }) => {
    counts.failed += 1;
    onEvent({ what: 'failed', origin: job === undefined ? '' : ended(job) || originOf(job), why });
  });
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) lose(id);
  });
  worker.on('stalled', () => onEvent({ what: 'taken over' }));
  worker.on('error', (error) => {
    const { message } = error;
    const notOurs = NOT_OURS.flatMap((pattern) => pattern.exec(message)?.[1] ?? []);
    if (notOurs.length > 0) for (const id of notOurs) lose(id);
    // that Redis is away is told once, by the connection
    else if (systemCode(error) === '' && message !== 'Connection is closed.')
      onEvent({ what: 'trouble', why: message });
  });

  const over = new AbortController();
  const looking = options.untilDone === true ? nothingLeft(options, over.signal) : undefined;
  try {
    await Promise.race([
      options.stopped,
      once(refusal.signal, 'abort'),
      running(worker),
      ...(looking === undefined ? [] : [looking]),
    ]);
  } catch (error) {
    throw redisError(error, options.party);
  } finally {
    over.abort();
    await worker.close();
  }
  if (refusal.signal.aborted) throw refusal.signal.reason;
  return counts;
}

/** A worker one of whose connections cannot begin would take jobs and never hand one over: it does not run. */
async function running(worker: Worker): Promise<void> {
  await worker.waitUntilReady();
  await worker.run();
}

function originOf({ data }: Job<unknown>): string {
  return typeof data === 'object' && data !== null && 'origin' in data ? String(data.origin) : '';
}

function otherPolicy({ run, origin }: StreamJob): TamperError {
  return new TamperError(
    'POLICY_INVALID',
    `${origin} of run ${run} is refused: the policy, keys or options of this worker are not those that the run was made with`,
    { hint: 'Give audit work the same policy, keys and options as audit enqueue, or another --queue.' },
  );
}

function otherKey({ run, origin }: StreamJob): TamperError {
  return new TamperError('USAGE', `${origin} of run ${run} is refused: it was not made with the key of --result-key`, {
    hint: 'Give audit enqueue, audit work and audit collect the same --result-key. If they have it, somebody has changed the job in the queue.',
  });
}

/** Resolves once the queue has no job that waits, is being done or is to be tried again; or at the signal. */
async function nothingLeft({ redis, queue: name }: WorkOptions, signal: AbortSignal): Promise<void> {
  const queue: Queue = await openQueue(redis, name);
  try {
    while (!signal.aborted) {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
      if (Object.values(counts).every((count) => count === 0)) return;
      await wait(LOOK_EVERY_MS);
    }
  } finally {
    await queue.close();
  }
}
