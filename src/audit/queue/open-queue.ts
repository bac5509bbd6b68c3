import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { cannotLoad } from '../../providers/internal/cannot-load.ts';
import { queueNameOf } from './stream-job.ts';

/** Keys in Redis begin so. */
export const KEY_PREFIX = 'fapilog-tamper';

/** @throws {@link TamperError} `DEPENDENCY_MISSING` */
export async function loadBullmq(): Promise<typeof import('bullmq')> {
  try {
    return await import('bullmq');
  } catch (cause) {
    throw cannotLoad({ service: 'a queue on Redis', packageName: 'bullmq' }, cause);
  }
}

/**
 * Opens a queue to add jobs and to look at them. The connection stays its caller's.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`, `USAGE`
 */
export async function openQueue(redis: Redis, name: string): Promise<Queue> {
  const { Queue: Opened } = await loadBullmq();
  const queue = new Opened(queueNameOf(name), {
    connection: redis,
    prefix: KEY_PREFIX,
    // an event has the whole result in it, and nobody here reads events
    streams: { events: { maxLen: 100 } },
  });
  queue.on('error', () => {}); // each call that fails throws what it is about
  return queue;
}
