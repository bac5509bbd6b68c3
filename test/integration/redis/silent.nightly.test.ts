import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { redisAddress } from '../../../src/audit/redis/redis-address.ts';
import { connectRedis } from '../../../src/audit/redis/redis-connection.ts';

it('a Redis that says nothing is an error: it is waited for by the clock of this machine', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const url = `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const address = await redisAddress({ url, passwordFile: undefined, allowPlain: false, env: {} });
  await expect(connectRedis(address, { patient: true })).rejects.toMatchObject({ code: 'TIMEOUT' });
});
