import { AuditJobs, type AuditJobsRequest } from '../../src/audit/jobs/audit-jobs.ts';
import { summarise } from '../../src/audit/jobs/run-summary.ts';
import { attempt } from '../../src/audit/queue/attempt.ts';
import { outcomes } from '../../src/audit/queue/collect.ts';
import { enqueue } from '../../src/audit/queue/enqueue.ts';
import { ResultKey } from '../../src/audit/queue/result-key.ts';
import type { RunEnd } from '../../src/audit/queue/run-file.ts';
import { parseJob, type StreamJob } from '../../src/audit/queue/stream-job.ts';
import type { AuditSummary, StreamResult } from '../../src/index.ts';
import type { Random } from '../fuzz/random.ts';

/** A queue as BullMQ keeps it in Redis, to which the attacker may write. */

/** A job in it. */
export interface QueuedJob {
  id: string;
  data: unknown;
  returnvalue: unknown;
  finishedOn: number | undefined;
  failedReason: string;
  attemptsMade: number;
  opts: { attempts: number };
}

type Given<T extends (...args: never[]) => unknown> = Parameters<T>[0];

const KEY = new ResultKey(Buffer.alloc(32, 7));

export class MemoryQueue {
  readonly jobs: Map<string, QueuedJob> = new Map();

  async getJob(id: string): Promise<QueuedJob | undefined> {
    return this.jobs.get(id);
  }

  async addBulk(added: readonly { data: unknown; opts: { jobId: string } }[]): Promise<void> {
    for (const { data, opts } of added) this.jobs.set(opts.jobId, waiting(opts.jobId, data));
  }
}

/** A job that nobody has begun, as it is after it has been in a Redis. */
export function waiting(id: string, data: unknown): QueuedJob {
  const copy = JSON.parse(JSON.stringify(data)) as unknown;
  const opts = { attempts: 1 };
  return { id, data: copy, returnvalue: null, finishedOn: undefined, failedReason: '', attemptsMade: 0, opts };
}

/** What an attacker does between `audit enqueue`, each job, and `audit collect`. */
export interface QueueAttacker {
  enqueued?(queue: MemoryQueue, audit: AuditJobs): Promise<void>;
  /** Once all jobs are done: whether workers go on. */
  worked?(queue: MemoryQueue): Promise<boolean>;
}

/** One night as jobs, with a key of results. */
export async function auditByJobs(
  request: AuditJobsRequest,
  random: Random,
  attacker: QueueAttacker,
): Promise<{ readonly results: readonly StreamResult[]; readonly summary: AuditSummary }> {
  const audit = new AuditJobs(request);
  const run = `20261126T230000Z-${String(random.below(1e9)).padStart(16, '0')}`;
  const { streams, rest } = await audit.list();
  const jobs: StreamJob[] = [];
  for await (const stream of streams) jobs.push({ run, ...stream });
  const end: RunEnd = { streams: jobs.length, rest: JSON.parse(JSON.stringify(rest?.())) as unknown };
  const file = {
    async *jobs(): AsyncGenerator<StreamJob, RunEnd> {
      for (const job of jobs) yield JSON.parse(JSON.stringify(job)) as StreamJob;
      return end;
    },
  };
  const queue = new MemoryQueue();
  const redis = { name: 'redis', hidden: (text: string) => text };
  const asked = { queue, file, redis, resultKey: KEY };
  await enqueue(queue as never, file as never, redis, { resultKey: KEY } as never);
  await attacker.enqueued?.(queue, audit);
  do await workAll(queue, audit);
  while ((await attacker.worked?.(queue)) === true);
  const results: StreamResult[] = [];
  const given = outcomes(asked as unknown as Given<typeof outcomes>);
  const summary = await summarise(given, async (result) => void results.push(result));
  return { results, summary };
}

async function workAll(queue: MemoryQueue, audit: AuditJobs): Promise<void> {
  for (const queued of [...queue.jobs.values()].reverse()) {
    if (queued.finishedOn !== undefined) continue;
    try {
      const job = parseJob(queued.data, 'a job');
      if (audit.basisOf(job.origin) !== job.basis) throw new Error('POLICY_INVALID');
      const attempter = { audit, name: 'w', onEvent: () => undefined, resultKey: KEY };
      queued.returnvalue = JSON.parse(JSON.stringify(await attempt(queued as never, job, attempter))) as unknown;
    } catch (error) {
      queued.failedReason = String(error);
    }
    queued.finishedOn = 1;
  }
}
