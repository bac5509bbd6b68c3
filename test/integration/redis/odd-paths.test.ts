import { expect, it, onTestFinished } from 'vitest';
import { expectOwnEnds, rounds } from '../../doors/rounds.ts';
import { RedisServer } from '../../servers/redis.ts';
import { times } from '../../support/tier.ts';

/** The commands that use a Redis, as test/doors/odd-paths.test.ts has all others. */
it.each(rounds(times(1, 4)))(
  'an odd file in the place of every path of audit enqueue, work and collect, round %i',
  { timeout: 1_800_000 },
  async (round) => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    expect(await expectOwnEnds(round, { REDIS_URL: server.url })).toBeGreaterThan(times(11, 22));
  },
);
