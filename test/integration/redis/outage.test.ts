import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { QueuedAudit } from '../../../src/audit/queue/attempt.ts';
import { redisAddress } from '../../../src/audit/redis/redis-address.ts';
import { connectRedis } from '../../../src/audit/redis/redis-connection.ts';
import { freePort } from '../../servers/free-port.ts';
import { RedisServer } from '../../servers/redis.ts';
import { collected, echo, enqueued, newRun, streams, workWith } from './fake-audit.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(options: Parameters<typeof RedisServer.start>[0] = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  open.push(server);
  return server;
}

/** Slow enough for something to happen in the middle. */
const slow: QueuedAudit = {
  ...echo,
  audit: async (job, context) => {
    await wait(50);
    return echo.audit(job, context);
  },
};

async function someDone(server: RedisServer, file: Parameters<typeof collected>[1], count: number): Promise<void> {
  for (;;) {
    const { all } = await collected(server, file);
    if (all.filter(({ state }) => state === 'done').length >= count) return;
    await wait(50);
  }
}

describe('a Redis that restarts in the middle', () => {
  it('with what it had: the workers connect again and every stream is done', async () => {
    const server = await start({ persistent: true });
    const file = await newRun(streams(60));
    await enqueued(server, file);
    const working = Promise.all(
      ['a', 'b'].map(async (name) => workWith(server, slow, { name, untilDone: true, lockSeconds: 2 })),
    );
    await someDone(server, file, 10);
    await server.kill();
    await server.restart();
    await working;
    const { all } = await collected(server, file);
    expect(all.map((one) => (one.state === 'done' ? one.text : one))).toEqual(
      streams(60).map(({ origin, task }) => `${JSON.stringify({ origin, task })}\n`),
    );
  });

  it('just when the second connection of a worker is made: it is made again', async () => {
    const server = await start();
    const file = await newRun(streams(3));
    await enqueued(server, file);
    let connections = 0;
    const gate = createTcpServer((from) => {
      connections += 1;
      const to = connect(server.port, '127.0.0.1');
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
      if (connections === 2) to.once('data', () => from.destroy()); // it has been asked something
    });
    const port = await freePort();
    gate.listen(port, '127.0.0.1');
    open.push({ stop: async () => void gate.close() });
    const working = workWith({ url: `redis://127.0.0.1:${port}` }, slow, { untilDone: true, lockSeconds: 2 });
    await working;
    expect((await collected(server, file)).all.every(({ state }) => state === 'done')).toBe(true);
  });

  it('with nothing: what is lost is missing, and enqueueing again completes the run', async () => {
    const server = await start();
    const file = await newRun(streams(60));
    await enqueued(server, file);
    const working = workWith(server, slow, { untilDone: true, lockSeconds: 2 });
    await someDone(server, file, 10);
    await server.kill();
    await server.restart();
    await working;
    const lost = await collected(server, file);
    expect(new Set(lost.all.map(({ state }) => state))).toEqual(new Set(['missing']));
    expect(lost.all).toHaveLength(60);
    expect(await enqueued(server, file)).toEqual({ added: 60, retried: 0, present: 0 });
    await workWith(server, echo, { untilDone: true });
    expect((await collected(server, file)).all.every(({ state }) => state === 'done')).toBe(true);
  });

  it('before jobs are put there: a clear error, and the next call puts them there', async () => {
    const server = await start({ persistent: true });
    const file = await newRun(streams(3));
    await server.kill();
    await expect(enqueued(server, file)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await server.restart();
    expect(await enqueued(server, file)).toMatchObject({ added: 3 });
  });
});

describe('a Redis that cannot be used', () => {
  const CANARY = 'canary-8d1f';
  const failing = async (env: Record<string, string>): Promise<unknown> => {
    const address = await redisAddress({ url: undefined, passwordFile: undefined, allowPlain: false, env });
    const redis = await connectRedis(address, { patient: true }).catch((error: unknown) => error);
    return redis;
  };

  it('nobody listens', async () => {
    const url = `redis://:${CANARY}@127.0.0.1:${await freePort()}`;
    const error = await failing({ REDIS_URL: url });
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') });
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });

  it('a web server listens', async () => {
    const web = createServer((_request, response) => response.end('hello'));
    const port = await freePort();
    web.listen(port, '127.0.0.1');
    open.push({ stop: async () => void web.close() });
    const error = await failing({ REDIS_URL: `redis://:${CANARY}@127.0.0.1:${port}` });
    expect(error).toMatchObject({ code: 'RESPONSE_MALFORMED' });
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });

  it.each([
    ['a wrong password', { REDIS_PASSWORD: CANARY }],
    ['no password', {}],
  ])('it wants another password: %s', async (_what, env) => {
    const server = await start({ password: 'right' });
    const error = await failing({ REDIS_URL: server.url, ...env });
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });

  it('its certificate is of nobody that is trusted', async () => {
    const server = await start({ tls: true, password: CANARY });
    const error = await failing({ REDIS_URL: server.url, REDIS_PASSWORD: CANARY });
    expect(error).toMatchObject({ code: 'TLS_FAILED' });
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });

  it('it expects TLS, and is spoken to without', async () => {
    const server = await start({ tls: true });
    const error = await failing({ REDIS_URL: server.url.replace('rediss', 'redis') });
    expect(error).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|TIMEOUT|RESPONSE_MALFORMED)$/) });
  }, 30_000);
});
