import type { QueueOptions } from '../../../internal.ts';
import type { CommandIo } from '../../command.ts';
import { type Flag, text, under, yes } from '../../flags.ts';

/** The flags of a command that uses a queue. */
export type QueueFlags = {
  readonly 'redis-url': Flag<string | undefined>;
  readonly 'redis-password-file': Flag<string | undefined>;
  readonly 'redis-plain': Flag<boolean>;
};

/** What each of them is for. */
export const queueFlags: QueueFlags = under('The queue', {
  'redis-url': text(
    'URL',
    'Redis or Valkey: rediss://[USER@]HOST[:PORT][/DATABASE], or redis:// on this host, without a password (default: REDIS_URL)',
  ),
  'redis-password-file': text(
    'FILE',
    'file with the password of Redis (default: REDIS_PASSWORD, or the password in REDIS_URL)',
  ),
  'redis-plain': yes('allow redis:// to another host, over a network that you trust as much as the hosts'),
});

/** The name of a queue. */
export const queueName: Flag<string | undefined> = text(
  'NAME',
  'name of the queue; several audits can share one Redis (default: default)',
);

/** A key that is shared from enqueueing to collecting. */
export const resultKey: Flag<string | undefined> = text(
  'FILE',
  'a key of at least 32 bytes, the same for audit enqueue, work and collect; without it, anyone who can write to Redis can forge jobs and results',
);

/** Where the queue is. */
export function redisOf(
  flags: { readonly [name in keyof QueueFlags]: QueueFlags[name] extends Flag<infer T> ? T : never },
  { env }: Pick<CommandIo, 'env'>,
): QueueOptions['redis'] {
  return {
    url: flags['redis-url'],
    passwordFile: flags['redis-password-file'],
    allowPlain: flags['redis-plain'],
    env,
  };
}
