import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { QueuedAudit, WorkerEvent } from '../../../src/audit/queue/attempt.ts';
import { outcomes, type StreamOutcome } from '../../../src/audit/queue/collect.ts';
import { enqueue } from '../../../src/audit/queue/enqueue.ts';
import { openQueue } from '../../../src/audit/queue/open-queue.ts';
import type { ResultKey } from '../../../src/audit/queue/result-key.ts';
import { makeRunFile, RunFile, type StreamToAudit } from '../../../src/audit/queue/run-file.ts';
import { type Worked, type WorkOptions, work } from '../../../src/audit/queue/work.ts';
import { redisAddress } from '../../../src/audit/redis/redis-address.ts';
import { connectRedis } from '../../../src/audit/redis/redis-connection.ts';
import type { RedisServer } from '../../servers/redis.ts';

/** Streams for which an audit stands in whose results are known beforehand. */

const QUEUE = 'test';

export function streams(count: number, basis = 'b'): StreamToAudit[] {
  return Array.from({ length: count }, (_, at) => ({ origin: `example.com/${at}`, basis, task: { files: [at] } }));
}

export async function newRun(given: readonly StreamToAudit[]): Promise<RunFile> {
  const path = join(await mkdtemp(join(tmpdir(), 'run-')), 'run.ndjson');
  await makeRunFile(path, QUEUE, { streams: given, rest: () => ({ listed: given.length }) });
  const file = await RunFile.open(path);
  if (file === undefined) throw new Error('no run file');
  return file;
}

/** What {@link workWith} may be told besides the audit. */
export type Told = Partial<
  Pick<WorkOptions, 'name' | 'resultKey' | 'concurrency' | 'lockSeconds' | 'untilDone' | 'stopped' | 'onEvent'>
>;

const partyOf = ({ url }: Pick<RedisServer, 'url'>) => ({ name: url, hidden: (text: string) => text });

async function connection(server: Pick<RedisServer, 'url'>, patient = false): Promise<Redis> {
  const address = await redisAddress({ url: server.url, passwordFile: undefined, allowPlain: false, env: {} });
  return connectRedis(address, { patient });
}

/** A worker in this process. */
export async function workWith(server: Pick<RedisServer, 'url'>, audit: QueuedAudit, told: Told = {}): Promise<Worked> {
  const redis = await connection(server, true);
  try {
    const never = new Promise<void>(() => {});
    const onEvent = (_: WorkerEvent): void => {};
    return await work({
      redis,
      party: partyOf(server),
      queue: QUEUE,
      audit,
      name: 'w',
      stopped: never,
      onEvent,
      ...told,
    });
  } finally {
    redis.disconnect();
  }
}

export async function enqueued(
  server: RedisServer,
  file: RunFile,
  attempts = 2,
  resultKey?: ResultKey,
): Promise<Awaited<ReturnType<typeof enqueue>>> {
  const redis = await connection(server);
  const queue = await openQueue(redis, QUEUE);
  try {
    return await enqueue(queue, file, partyOf(server), { attempts, resultKey });
  } finally {
    await queue.close();
    redis.disconnect();
  }
}

export async function collected(
  server: RedisServer,
  file: RunFile,
  resultKey?: ResultKey,
): Promise<{ all: StreamOutcome[]; rest: unknown }> {
  const redis = await connection(server);
  const queue = await openQueue(redis, QUEUE);
  try {
    const all: StreamOutcome[] = [];
    const iterator = outcomes({ queue, file, redis: partyOf(server), resultKey });
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) return { all, rest: next.value };
      all.push(next.value);
    }
  } finally {
    await queue.close();
    redis.disconnect();
  }
}

/** An audit that answers at once with the stream's name and the task. */
export const echo: QueuedAudit = {
  basisOf: () => 'b',
  audit: async ({ origin, task }) => ({ text: `${JSON.stringify({ origin, task })}\n` }),
};
